using System.CommandLine;
using Sos.Cores;
using Sos.Cores.BackEnds;
using Sos.Cores.Running;
using Sos.Ctl.Output;
using Sos.Image;

namespace Sos.Ctl.Commands;

/// <summary>
/// <c>sosctl service restart</c>: loads and starts a service anew, as it was started before. Its card never goes back to Linux meanwhile, so
/// that nothing passes unfiltered.
/// </summary>
internal static class ServiceRestartCommand
{
    public static Command Create(Terminal terminal)
    {
        Argument<int> cpu = CoreCommands.CpuArgument();
        Command command = new("restart", "Start a service again as it was started before, whether it runs, has ended or has failed") { cpu };
        command.SetAction(result => Run(terminal, result.GetValue(cpu)));
        return command;
    }

    private static int Run(Terminal terminal, int cpu)
    {
        using IServiceCore core = new CoreBackEnds().Open(cpu);
        using CoreLock exclusive = CoreLock.Take(cpu);
        if (CoreRecord.Read(cpu) is not { Settings: { } settings } record)
        {
            throw new SosException(SosError.NotFound, $"core {cpu} has had no service: 'sosctl service start {cpu} IMAGE' starts one");
        }

        // What can be refused is refused before the service that runs is touched.
        ServiceImage image = ImageCommands.ReadVerified(settings.ImagePath);
        settings = settings with { Rules = record.RulesPath ?? settings.Rules };
        return ServiceLaunch.Run(terminal, core, settings, notes => ServiceRestart.Restart(
            core, record, device => ServiceLaunch.Prepare(terminal, image, settings, device), notes, exclusive));
    }
}
