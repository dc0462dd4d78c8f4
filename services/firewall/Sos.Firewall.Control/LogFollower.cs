using System;
using System.Threading;
using Sos.Firewall.Capture;

namespace Sos.Firewall.Control;

/// <summary>Hands what the rules of a running firewall log to the journal, as the kernel's own lines come there.</summary>
internal static class LogFollower
{
    // The core keeps what it writes in half a second at its fastest.
    private static readonly TimeSpan Round = TimeSpan.FromMilliseconds(100);
    private const int RoundsToLook = 10; // whether the service still runs
    private static readonly TimeSpan Reminder = TimeSpan.FromMinutes(1);

    /// <summary>Follows a core until its service ends.</summary>
    /// <param name="cpu">The core.</param>
    /// <param name="log">Takes what a person should know, and the lines where there is no journal.</param>
    /// <param name="end">Ends it.</param>
    /// <exception cref="Cores.SosException">The core runs no firewall, or one without such memory.</exception>
    public static void Run(int cpu, Action<string> log, CancellationToken end)
    {
        using LogMemory memory = LogMemory.Open(cpu);
        using Journal journal = new();
        LoggedLines lines = memory.Read();
        ulong lost = lines.Lost;
        DateTime told = DateTime.MinValue;
        for (int round = 0; !end.IsCancellationRequested && (round % RoundsToLook != 0 || memory.IsRunning); round++)
        {
            HandOn(lines, memory.Port, line => journal.TryWrite(cpu, line.Level, line.Text), log);
            if (lines.Lost != lost && DateTime.UtcNow - told > Reminder)
            {
                log($"{lines.Lost - lost} lines of rules that log were too many: the core writes {LogHeader.LinesPerSecond} a second at most");
                (lost, told) = (lines.Lost, DateTime.UtcNow);
            }

            end.WaitHandle.WaitOne(Round);
        }
    }

    /// <summary>Hands on all lines that nobody has handed on yet.</summary>
    /// <param name="lines">The lines.</param>
    /// <param name="port">The port's name.</param>
    /// <param name="write">Writes a line; false where it cannot.</param>
    /// <param name="log">Takes those lines.</param>
    internal static void HandOn(LoggedLines lines, string port, Func<(int Level, string Text), bool> write, Action<string> log)
    {
        lines.At = lines.Told;
        while (lines.TryRead(out LoggedPacket packet))
        {
            string text = PacketLog.Format(packet, port);
            if (!write((packet.Level, text)))
            {
                log(text);
            }

            lines.Told = packet.Number;
        }
    }
}
