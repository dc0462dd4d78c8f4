using System;
using System.Collections.Generic;
using System.CommandLine;
using System.IO;
using System.Linq;
using System.Text.Json;
using Sos.Cores;
using Sos.Cores.Companions;
using Sos.Cores.Loading;
using Sos.Cores.Plan;
using Sos.RemoteConsole.Control;
using Sos.RemoteConsole.Linux;
using Sos.RemoteConsole.Ssh;
using Sos.Ssh;
using Sos.Ssh.Keys;
using Sos.Verbs;
using Xunit;

namespace Sos.RemoteConsole.Tests;

/// <summary>SSH's files become parameters; what cannot be honoured is told with file and line, and nothing is on unless it was asked for.</summary>
public sealed class SshCompanionTests : IDisposable
{
    private readonly SshVisitor _visitor = new();

    private string Keys => _visitor.File("authorized_keys");

    public void Dispose() => _visitor.Dispose();

    [Fact]
    public void NothingIsOnUnlessItWasAskedFor()
    {
        ServiceConfiguration made = Configure(new() { });
        Assert.DoesNotContain(made.Parameters.Keys, name => name.StartsWith("ssh-", StringComparison.Ordinal));
        Assert.Equal([LinuxPage.Size], made.SharedMemory);
        Assert.Contains("--ssh FILE turns it on", Refused(new() { ["host-key"] = _visitor.File("host") }).Message, StringComparison.Ordinal);
        Assert.Contains("SSH is off", Refused(new(), ("ssh-port", "2222")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void FilesBecomeParameters()
    {
        Dictionary<string, string> options = Options();
        IReadOnlyDictionary<string, string> made = Configure(options).Parameters;
        Assert.Equal(Convert.ToHexStringLower(_visitor.HostKey.Seed), made["ssh-host-seed"]);
        Assert.Equal(2 * AuthorizedKey.Size, made["ssh-keys"].Length);
        Assert.Equal(2 * SshSettings.SeedSize, made["ssh-random"].Length);
        Assert.NotEqual(made["ssh-random"], Configure(options).Parameters["ssh-random"]); // another one for each start
    }

    [Fact]
    public void AnOptionThatCannotBeHonouredRefusesItsKeyAndIsTold()
    {
        string key = HostKey.Generate().PublicKey.ToString();
        File.AppendAllText(Keys, $"from=\"10.0.0.0/8\" {key} limited\nssh-rsa AAAA old\n");
        Assert.Equal(2 * AuthorizedKey.Size, Configure(Options()).Parameters["ssh-keys"].Length);
        IReadOnlyList<string> notes = new ConsoleCompanion().Notes(Plan(Options()));
        Assert.Equal(2, notes.Count);
        Assert.StartsWith($"{Keys}: line 3: ", notes[0], StringComparison.Ordinal);
        Assert.Contains("option from", notes[0], StringComparison.Ordinal);
        Assert.StartsWith($"{Keys}: line 4: ", notes[1], StringComparison.Ordinal);

        // When it was the only one, nobody could log in.
        File.WriteAllText(Keys, $"from=\"10.0.0.0/8\" {key} limited\n");
        Assert.Contains($"{Keys}: no key may log in: line 1: ", Refused(Options()).Message, StringComparison.Ordinal);
        File.WriteAllText(Keys, "# none\n");
        Assert.Contains("ssh-keygen -t ed25519", Refused(Options()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void FilesThatOthersControlAreRefused()
    {
        File.SetUnixFileMode(Keys, File.GetUnixFileMode(Keys) | UnixFileMode.GroupWrite);
        Assert.Contains("chmod go-w", Refused(Options()).Message, StringComparison.Ordinal);
        File.SetUnixFileMode(Keys, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.OtherRead);
        File.SetUnixFileMode(_visitor.File("host"), UnixFileMode.UserRead | UnixFileMode.OtherRead);
        Assert.Contains("chmod 600", Refused(Options()).Message, StringComparison.Ordinal);
        File.Delete(_visitor.File("host"));
        Assert.Contains("sosctl console key", Refused(Options()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void MoreKeysThanAConsoleTakesAreRefused()
    {
        File.WriteAllLines(Keys, Enumerable.Range(0, SshSettings.KeysMax + 1).Select(i => $"{HostKey.Generate().PublicKey} {i}"));
        Assert.Contains("leave some away", Refused(Options()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void TheHostKeyIsMadeOnceAndShownAgain()
    {
        string path = _visitor.File("folder/made");
        JsonElement made = Key(path);
        Assert.True(made.GetProperty("is_new").GetBoolean());
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path));
        HostKey key = HostKey.Load(path);
        Assert.Equal(key.PublicKey.Fingerprint, made.GetProperty("fingerprint").GetString());
        Assert.Equal($"[192.0.2.9]:2222 {key.PublicKey}", made.GetProperty("known_hosts").GetString());
        JsonElement shown = Key(path);
        Assert.False(shown.GetProperty("is_new").GetBoolean());
        Assert.Equal(key.PublicKey.Fingerprint, shown.GetProperty("fingerprint").GetString());
    }

    [Fact]
    public void StartMakesThePlanThatServiceStartWould()
    {
        using StringWriter output = new();
        ConsoleStart start = new();
        Command command = start.Create(new Terminal(output, output), new CompanionCatalogue([new ConsoleCompanion()]));
        ServicePlan plan = start.Plan(command.Parse(
            ["3", "--image", "console.sosimg", "--device", "eth0", "--address", "192.0.2.9", "--allow", "192.0.2.0/24", "--ssh", Keys, "--ssh-port", "2222"]));
        Assert.Equal(Path.GetFullPath("console.sosimg"), plan.Image);
        Assert.Equal("eth0", Assert.Single(plan.Ports).Device);
        Assert.Equal(
            new Dictionary<string, string> { ["address"] = "192.0.2.9", ["allow"] = "192.0.2.0/24", ["ssh-port"] = "2222" }, plan.Parameters);
        Assert.Equal(new Dictionary<string, string> { ["ssh"] = Keys }, plan.Options);
        Assert.Equal("ssh -p 2222 console@192.0.2.9", ConsoleLogIn.Command(Assert.Single(ConsoleLogIn.Addresses(plan)), ConsoleLogIn.Port(plan)));
        SosException refused = Assert.Throws<SosException>(() => start.Plan(command.Parse(["3", "--device", "eth0", "--address", "192.0.2.9"])));
        Assert.Contains("nobody could log in", refused.Message, StringComparison.Ordinal);
    }

    private Dictionary<string, string> Options() => new() { ["ssh"] = Keys, ["host-key"] = _visitor.File("host") };

    private static ServicePlan Plan(Dictionary<string, string> options, params (string Name, string Value)[] parameters) => new()
    {
        Image = "/console.sosimg",
        Parameters = parameters.Append(("address", "192.0.2.9")).ToDictionary(pair => pair.Item1, pair => pair.Item2),
        Options = options,
    };

    private static ServiceConfiguration Configure(Dictionary<string, string> options, params (string Name, string Value)[] parameters)
    {
        ServicePlan plan = Plan(options, parameters);
        return new ConsoleCompanion().Configure(new ServiceConfiguration { Parameters = plan.Parameters }, plan);
    }

    private static SosException Refused(Dictionary<string, string> options, params (string Name, string Value)[] parameters)
        => Assert.Throws<SosException>(() => Configure(options, parameters));

    private static JsonElement Key(string path)
    {
        using StringWriter output = new();
        Assert.Equal(0, ConsoleHostKey.Run(new Terminal(output, output) { Json = true }, path, "192.0.2.9", 2222));
        return JsonDocument.Parse(output.ToString()).RootElement;
    }
}
