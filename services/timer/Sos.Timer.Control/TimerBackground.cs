using System;
using System.Collections.Generic;
using System.Linq;
using System.Net.Sockets;
using System.Threading;
using Sos.Cores;
using Sos.Cores.Operations;
using Sos.Cores.Plan;
using Sos.Cores.Running;
using Sos.Timer.Broker;
using Sos.Verbs;

namespace Sos.Timer.Control;

/// <summary>Starts a timer service whose clients sosd serves, so that it outlives the command.</summary>
internal static class TimerBackground
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    /// <summary>Starts the service and waits until sosd serves it.</summary>
    /// <exception cref="SosException">There is no sosd, or the service could not be started, or sosd does not serve it.</exception>
    public static int Serve(Terminal terminal, ServiceOperations services, int cpu, ServicePlan plan, string socket, IReadOnlySet<uint> allowed)
    {
        if (!DaemonPresence.IsThere())
        {
            throw new SosException(
                SosError.Refused, "sosd does not run, which is to serve the clients: start it with 'systemctl start sosd', or leave --background away");
        }

        if (Answers(socket))
        {
            throw new SosException(SosError.Refused, $"a timer service is served at {socket} already: stop it, or give another --socket");
        }

        StartResult started = services.Start(cpu, plan with { Options = MakeOptions(socket, allowed) });
        DateTime end = DateTime.UtcNow + Patience;
        while (!Answers(socket))
        {
            if (DateTime.UtcNow > end)
            {
                throw new SosException(
                    SosError.Failed, $"the timer service runs on core {cpu}, but sosd does not serve it: 'journalctl -u sosd' says why, "
                        + $"'sosctl service stop {cpu}' ends it");
            }

            Thread.Sleep(50);
        }

        terminal.Write(new TimerServedDocument(cpu, socket), TimerVerbs.Documents.TimerServedDocument, output =>
        {
            output.WriteLine($"the timer service runs on core {cpu}; sosd serves its clients at {socket}; 'sosctl service stop {cpu}' ends it");
            Terminal.WriteNotes(output, started.Notes);
        });
        return 0;
    }

    // A file may be left of a broker that was killed.
    private static bool Answers(string path)
    {
        using Socket probe = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            probe.Connect(new UnixDomainSocketEndPoint(path));
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    private static Dictionary<string, string> MakeOptions(string socket, IReadOnlySet<uint> allowed)
    {
        Dictionary<string, string> options = new() { [TimerCompanion.SocketOption] = socket };
        if (allowed.Count > 0)
        {
            options[TimerCompanion.AllowOption] = string.Join(',', allowed.Order());
        }

        return options;
    }
}
