using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using Sos.Cores.Plan;
using Sos.RemoteConsole.Ssh;

namespace Sos.RemoteConsole.Control;

/// <summary>The words to type at another host to log in to a console.</summary>
internal static class ConsoleLogIn
{
    /// <summary>The only user there is.</summary>
    public const string User = "console";

    /// <summary>Returns the addresses that a plan names.</summary>
    public static IEnumerable<string> Addresses(ServicePlan plan)
        => new[] { ConsoleCompanion.Address, ConsoleCompanion.Address6 }.Select(name => plan.Parameters.GetValueOrDefault(name)).OfType<string>();

    /// <summary>Returns the port of SSH.</summary>
    public static int Port(ServicePlan plan)
        => plan.Parameters.TryGetValue(ConsoleCompanion.SshPort, out string? port) ? int.Parse(port, CultureInfo.InvariantCulture) : SshSettings.PortDefault;

    /// <summary>Returns the line to type.</summary>
    public static string Command(string address, int port)
        => port == SshSettings.PortDefault ? $"ssh {User}@{address}" : string.Create(CultureInfo.InvariantCulture, $"ssh -p {port} {User}@{address}");
}
