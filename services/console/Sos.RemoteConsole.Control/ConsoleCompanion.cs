using System;
using System.Collections.Generic;
using System.Linq;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Threading;
using Sos.Cores;
using Sos.Cores.Companions;
using Sos.Cores.Loading;
using Sos.Cores.Plan;
using Sos.Image;
using Sos.RemoteConsole.Control.Linux;
using Sos.RemoteConsole.Linux;
using Sos.RemoteConsole.Ssh;

namespace Sos.RemoteConsole.Control;

/// <summary>The console's companion: its addresses, and who may log in how.</summary>
public sealed class ConsoleCompanion : ICompanion
{
    /// <summary>The service's name.</summary>
    public const string ServiceName = "console";

    /// <summary>The start option that turns telnet on.</summary>
    public const string TelnetOption = "telnet";

    /// <summary>The start option that grants what the console may do beyond its card.</summary>
    public const string GrantOption = "grant";

    /// <summary>The start option that turns SSH on.</summary>
    public const string SshOption = "ssh";

    /// <summary>The start option that names the host key's file.</summary>
    public const string HostKeyOption = "host-key";

    internal const string Address = "address";
    internal const string Address6 = "address6";
    internal const string Automatic = "autoconf";
    internal const string Sources = "allow";
    internal const string SshPort = SshSettings.PortName;
    private const string Mac = "mac";
    private const string TelnetPort = "telnet-port";
    private const int SeedSize = 16;

    /// <inheritdoc/>
    public string Service => ServiceName;

    /// <inheritdoc/>
    public IReadOnlyList<ServiceParameter> Parameters { get; } =
    [
        new(Address, "an IPv4 address of its own", value => AddressParameter.Host(value, AddressFamily.InterNetwork) is not null),
        new(Address6, "an IPv6 address of its own", value => AddressParameter.Host(value, AddressFamily.InterNetworkV6) is not null),
        ServiceParameter.OneOf(Automatic, "true", "false"),
        new(Sources, "up to 16 prefixes of those who are answered, as in \"10.0.0.0/8,2001:db8::/32\"", value => AddressParameter.Prefixes(value) is not null),
        new(Mac, "a link-layer address of its own, as in 02:00:00:00:00:09", value => AddressParameter.Mac(value) is not null),
        ServiceParameter.Number(SshPort, 1, ushort.MaxValue),
        ServiceParameter.Number(TelnetPort, 1, ushort.MaxValue),
    ];

    /// <inheritdoc/>
    public IReadOnlyList<StartOption> Options { get; } =
    [
        new(SshOption, "SSH, for the public keys in this file, as in authorized_keys (the console)", IsFile: true),
        new(HostKeyOption, $"The host key's file, by default {SshParameters.HostKeyDefault} (the console)", IsFile: true),
        new(TelnetOption, "Telnet, unencrypted, with the password whose hash is in this file (the console)", IsFile: true),
        new(
            GrantOption,
            "What the console may do, with commas between: linux-memory, to read Linux's memory, all secrets of the machine included; "
                + "sysrq, nmi, crash, reboot and release, to act on the machine",
            IsFile: false),
    ];

    /// <inheritdoc/>
    public ServiceConfiguration Configure(ServiceConfiguration configuration, ServicePlan plan)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        ArgumentNullException.ThrowIfNull(plan);
        Dictionary<string, string> parameters = configuration.Parameters.ToDictionary();
        if (!parameters.ContainsKey(Address) && !parameters.ContainsKey(Address6) && parameters.GetValueOrDefault(Automatic) != "true")
        {
            throw new SosException(SosError.Usage, "the console has no address: give it one with -p address=IPV4, -p address6=IPV6 or -p autoconf=true");
        }

        Replace(parameters, Address, value => AddressParameter.Host(value, AddressFamily.InterNetwork));
        Replace(parameters, Address6, value => AddressParameter.Host(value, AddressFamily.InterNetworkV6));
        Replace(parameters, Sources, AddressParameter.Prefixes);
        Replace(parameters, Mac, AddressParameter.Mac);
        ConfigureSsh(parameters, plan);
        if (plan.Options.TryGetValue(TelnetOption, out string? path))
        {
            parameters["telnet-password"] = PasswordFile.Read(path);
        }
        else if (parameters.ContainsKey(TelnetPort))
        {
            throw new SosException(
                SosError.Usage, $"{TelnetPort} is given, and telnet is off: --{TelnetOption} FILE turns it on, with a password's hash in FILE");
        }

        // Another one for each start, and none that is kept.
        parameters["seed"] = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(SeedSize));
        configuration = configuration with { Parameters = parameters, SharedMemory = [.. configuration.SharedMemory, LinuxPage.Size] };
        ServiceGrants granted = Grants(plan);
        LinuxMemoryRequest.CheckBackEnd(configuration.BackEnd, granted);
        configuration = configuration with { Actions = granted & ServiceGrants.Actions };
        return (granted & ServiceGrants.LinuxMemory) == 0 ? configuration : configuration with { LinuxMemory = LinuxSymbolsBuilder.ForRunningKernel() };
    }

    /// <summary>Reads the grants of a plan.</summary>
    /// <exception cref="SosException">It grants what there is not.</exception>
    internal static ServiceGrants Grants(ServicePlan plan)
    {
        ServiceGrants granted = ServiceGrants.None;
        return plan.Options.TryGetValue(GrantOption, out string? text) && GrantNames.Parse(text, out granted) is { } unknown
            ? throw new SosException(
                SosError.Usage, $"there is nothing called \"{unknown}\" to grant: --{GrantOption} takes {GrantNames.List}, with commas between")
            : granted;
    }

    /// <inheritdoc/>
    public IReadOnlyList<string> Notes(ServicePlan plan)
    {
        ArgumentNullException.ThrowIfNull(plan);
        IReadOnlyList<string> keys = plan.Options.TryGetValue(SshOption, out string? path) ? SshParameters.Notes(path) : [];
        return (Grants(plan) & ServiceGrants.Sysrq) != 0 && SysrqKeys.Note() is { } note ? [.. keys, note] : keys;
    }

    /// <inheritdoc/>
    public Action<CancellationToken>? Follow(FollowContext context) => end => LinuxPageWriter.Run(context.Record, end);

    private static void ConfigureSsh(Dictionary<string, string> parameters, ServicePlan plan)
    {
        if (plan.Options.TryGetValue(SshOption, out string? keys))
        {
            SshParameters.Add(parameters, keys, plan.Options.GetValueOrDefault(HostKeyOption, SshParameters.HostKeyDefault));
        }
        else if (parameters.ContainsKey(SshPort) || plan.Options.ContainsKey(HostKeyOption))
        {
            string given = parameters.ContainsKey(SshPort) ? SshPort : $"--{HostKeyOption}";
            throw new SosException(
                SosError.Usage, $"{given} is given, and SSH is off: --{SshOption} FILE turns it on, with the public keys that may log in, in FILE");
        }
    }

    private static void Replace(Dictionary<string, string> parameters, string name, Func<string, string?> write)
    {
        if (parameters.TryGetValue(name, out string? value))
        {
            parameters[name] = write(value) ?? throw new SosException(SosError.Usage, $"{name} cannot be \"{value}\"");
        }
    }
}
