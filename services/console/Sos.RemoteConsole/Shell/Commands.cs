using System;
using Sos.Net;
using Sos.Sdk.Control;
using Sos.Sdk.Memory;

namespace Sos.RemoteConsole.Shell;

/// <summary>Runs commands in steps: each writes a few lines, and goes on when the terminal has taken them.</summary>
internal static unsafe class Commands
{
    /// <summary>Bytes that a step writes at most.</summary>
    public const int StepSizeMax = 1024;

    private const ulong NsPerSecond = 1_000_000_000;
    private const int NameWidth = 34;

    /// <summary>Milliseconds after which Linux is said to be silent: it writes its clock some hundred times a second, or when it has slept.</summary>
    private const ulong SilentMs = 5000;

    /// <summary>Runs a step.</summary>
    /// <param name="context">What can be shown.</param>
    /// <param name="kind">The command.</param>
    /// <param name="step">Which step: 0 at first; the command moves it.</param>
    /// <param name="output">Where lines go; it has room for <see cref="StepSizeMax"/> bytes.</param>
    /// <param name="now">The time.</param>
    /// <returns>Whether the command is done.</returns>
    public static bool Run(ref ConsoleContext context, CommandKind kind, ref ulong step, ref TextOutput output, Instant now)
    {
        switch (kind)
        {
            case CommandKind.Help:
                WriteHelp(ref output);
                return true;
            case CommandKind.Status:
                WriteStatus(ref context, ref output, now);
                return true;
            case CommandKind.Service:
                return WriteCounter(ref context, ref step, ref output);
            case CommandKind.Log:
                return WriteRecord(ref context, ref step, ref output, now);
            case CommandKind.Who:
                return WriteVisitor(ref context, ref step, ref output, now);
            case CommandKind.Version:
                output.Write("SOS console, ABI "u8);
                output.WriteNumber(ServiceControl.AbiVersion);
                output.NewLine();
                return true;
            case CommandKind.Uptime:
                WriteUptime(ref context, ref output, now);
                return true;
            case CommandKind.Unknown:
                output.WriteLine("there is no such command: 'help' lists them"u8);
                return true;
            default:
                return true;
        }
    }

    private static void WriteHelp(ref TextOutput output)
    {
        for (CommandKind kind = CommandKind.Help; kind < CommandKind.Unknown; kind++)
        {
            output.WritePadded(CommandNames.NameOf(kind), 10);
            output.WriteLine(CommandNames.ExplanationOf(kind));
        }
    }

    private static void WriteStatus(ref ConsoleContext context, ref TextOutput output, Instant now)
    {
        output.Write("linux     "u8);
        if (context.LinuxSeenMs == 0)
        {
            // On an isolated core nobody passes the clock on; there Linux is alive as long as this runs.
            output.WriteLine("not known: its clock was not passed on since the service started"u8);
        }
        else
        {
            ulong silentMs = now.Ms - context.LinuxSeenMs;
            output.Write(silentMs < SilentMs ? "alive, its clock was written "u8 : "SILENT, its clock was written "u8);
            output.WriteTime(silentMs / 1000);
            output.WriteLine(" ago"u8);
        }

        output.Write("service   running for "u8);
        output.WriteTime((now.Ms - context.StartedMs) / 1000);
        output.Write(", polls "u8);
        output.WriteNumber(context.Control->Polls);
        output.NewLine();
        output.Write("logins    "u8);
        output.WriteNumber(context.LoggedIn.Value);
        output.Write(", refused "u8);
        output.WriteNumber(context.Failed.Value);
        output.NewLine();
    }

    private static void WriteUptime(ref ConsoleContext context, ref TextOutput output, Instant now)
    {
        output.Write("service   "u8);
        output.WriteTime((now.Ms - context.StartedMs) / 1000);
        output.NewLine();
        output.Write("linux     "u8);
        output.WriteTime(context.Clock.MonotonicNs(now.Tsc) / NsPerSecond);
        output.WriteLine(", by the clock that it last told"u8);
    }

    private static bool WriteCounter(ref ConsoleContext context, ref ulong step, ref TextOutput output)
    {
        StatisticsLayout* statistics = context.Statistics;
        ulong count = statistics == null ? 0 : Math.Min(MemoryOrdering.LoadAcquire(ref statistics->Count), StatisticsLayout.Capacity);
        for (; step < count; step++)
        {
            ulong value = ((ulong*)((byte*)statistics + StatisticsLayout.ValuesOffset))[step];
            if (value == 0)
            {
                continue;
            }

            ReadOnlySpan<byte> name = new((byte*)statistics + StatisticsLayout.NamesOffset + (step * StatisticsLayout.NameSize), StatisticsLayout.NameSize);
            int length = 0;
            while (length < name.Length && name[length] != 0)
            {
                length++;
            }

            output.WritePadded(name[..length], NameWidth);
            output.Write((byte)' ');
            output.WriteNumber(value);
            output.NewLine();
            step++;
            return false;
        }

        return true;
    }

    private static bool WriteRecord(ref ConsoleContext context, ref ulong step, ref TextOutput output, Instant now)
    {
        LogLayout* log = context.Records;
        if (log == null)
        {
            output.WriteLine("the service was given no log"u8);
            return true;
        }

        // The service writes the log itself: nothing changes while a record is read.
        ulong first = log->Written > log->Capacity ? log->Written - log->Capacity : 0;
        step = Math.Max(step, first);
        if (step >= log->Written)
        {
            return true;
        }

        LogRecord* record = (LogRecord*)((byte*)log + LogLayout.HeaderSize) + (step & (log->Capacity - 1));
        ulong ago = context.Clock.NanosecondsFromTicks(now.Tsc - Math.Min(record->Tsc, now.Tsc)) / NsPerSecond;
        output.WriteTime(ago);
        output.Write(" ago  "u8);
        output.Write(((ReadOnlySpan<byte>)record->Text)[..(int)Math.Min(record->TextLength, LogRecord.TextSize)]);
        output.Write((byte)' ');
        output.WriteNumber(record->Value);
        output.NewLine();
        step++;
        return step >= log->Written;
    }

    private static bool WriteVisitor(ref ConsoleContext context, ref ulong step, ref TextOutput output, Instant now)
    {
        for (; step < ConsoleContext.VisitorsMax; step++)
        {
            ref Visitor visitor = ref context[(int)step];
            if (!visitor.IsHere)
            {
                continue;
            }

            int length = output.WritePeer(in visitor.Peer);
            output.WritePadded(default, NameWidth - Math.Min(length, NameWidth));
            output.Write(visitor.IsLoggedIn ? " telnet     "u8 : " logging in "u8);
            output.WriteTime((now.Ms - visitor.SinceMs) / 1000);
            output.Write(", idle "u8);
            output.WriteTime((now.Ms - visitor.TypedMs) / 1000);
            output.NewLine();
            step++;
            return false;
        }

        return true;
    }
}
