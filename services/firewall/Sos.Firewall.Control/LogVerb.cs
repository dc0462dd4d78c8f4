using System;
using System.Runtime.InteropServices;
using System.Threading;
using Sos.Verbs;

namespace Sos.Firewall.Control;

/// <summary><c>sosctl firewall log</c>: the lines of rules that log, as they come, in the words of Linux's packet log.</summary>
internal static class LogVerb
{
    private static readonly TimeSpan Round = TimeSpan.FromMilliseconds(50);

    /// <summary>Shows the lines of a core until the service ends, or somebody interrupts.</summary>
    /// <param name="terminal">Where they go.</param>
    /// <param name="cpu">The core.</param>
    /// <param name="count">Lines at most; 0 for any number.</param>
    /// <exception cref="Cores.SosException">It runs no firewall, or one without such memory.</exception>
    public static int Run(Terminal terminal, int cpu, int count)
    {
        using CancellationTokenSource end = new();
        using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, context => Cancel(context, end));
        using PosixSignalRegistration terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, context => Cancel(context, end));
        using LogMemory memory = LogMemory.Open(cpu);
        LoggedLines lines = memory.Read();
        lines.At = lines.Written;
        ulong lost = lines.Lost;
        int shown = 0;
        while (!end.IsCancellationRequested && memory.IsRunning && (count == 0 || shown < count))
        {
            while ((count == 0 || shown < count) && lines.TryRead(out LoggedPacket packet))
            {
                string line = PacketLog.Format(packet, memory.Port);
                terminal.Write(
                    new LoggedDocument(packet.Level, packet.Prefix, line), FirewallVerbs.Documents.LoggedDocument, output => output.WriteLine(line));
                shown++;
            }

            end.Token.WaitHandle.WaitOne(Round);
        }

        if (lines.Lost != lost)
        {
            terminal.Note($"{lines.Lost - lost} lines were too many: the core writes {Capture.LogHeader.LinesPerSecond} a second at most");
        }

        return 0;
    }

    private static void Cancel(PosixSignalContext context, CancellationTokenSource end)
    {
        context.Cancel = true;
        end.Cancel();
    }
}
