using System;
using Sos.Catalogue;
using Sos.Cores;
using Sos.Cores.Operations;
using Sos.Cores.Running;
using Sos.Daemon;

// usage: sosd. Logs to the standard output, one line for each thing it does; ends with 0 on SIGTERM or SIGINT, with an exit code of sosctl
// when it cannot run.
CoreBackEnds backEnds = new();
Keepers.BecomeProgram();
if (Keepers.TryKeep(backEnds, args))
{
    return 0; // Started by sosd itself, see Keepers.
}

if (args.Length != 0)
{
    Console.Error.WriteLine("usage: sosd (it takes no arguments; 'sosctl service start --restart' and 'sosctl service enable' say what it is to do)");
    return (int)SosError.Usage;
}

try
{
    // The one before may still be about to end.
    using DaemonPresence? presence = DaemonPresence.TryTake(TimeSpan.FromSeconds(5));
    if (presence is null)
    {
        Console.Error.WriteLine("sosd: there is one already: 'ps -C sosd' shows it");
        return (int)SosError.Refused;
    }

    if (ResidentMemory.Lock() is { } why)
    {
        Console.Out.WriteLine(why);
    }

    // Only to say at once what is wrong.
    backEnds.CheckUsable();
    using EndSignals end = new();
    using Supervisor supervisor = new(backEnds, ServiceCatalogue.Companions, Console.Out);
    supervisor.Run(end.Token);
    return 0;
}
catch (SosException e)
{
    Console.Error.WriteLine($"sosd: {e.Message}");
    return (int)e.Error;
}
