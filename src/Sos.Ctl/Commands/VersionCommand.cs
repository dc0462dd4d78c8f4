using System.CommandLine;
using System.Reflection;
using Sos.Cores;
using Sos.Cores.Operations;
using Sos.Sdk.Control;
using Sos.Verbs;

namespace Sos.Ctl.Commands;

/// <summary><c>sosctl version</c>: of this program and of the driver.</summary>
internal static class VersionCommand
{
    public static Command Create(Terminal terminal)
    {
        Command command = new("version", "Show the versions of sosctl and of the driver");
        command.SetAction(_ => Run(terminal));
        return command;
    }

    private static int Run(Terminal terminal)
    {
        string own = typeof(VersionCommand).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "unknown";
        DriverVersion? driver = null;
        string? problem = null;
        try
        {
            driver = MachineCheck.ReadDriver();
        }
        catch (SosException e)
        {
            // Asking for the version must work without a driver: that is when it is asked.
            problem = e.Message;
        }

        terminal.Write(
            new VersionDocument(own, ServiceControl.AbiVersion, driver?.Version, driver?.AbiVersion, problem),
            Documents.Current.VersionDocument,
            output =>
            {
                output.WriteLine($"sosctl {own}, ABI {ServiceControl.AbiVersion}");
                output.WriteLine(driver is null ? $"driver: {problem}" : $"driver {driver.Version}, ABI {driver.AbiVersion}");
            });
        return 0;
    }
}
