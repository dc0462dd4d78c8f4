using System;
using Sos.Sdk.Control;

namespace Sos.RemoteConsole.Commands;

/// <summary><c>log</c>: the service's log.</summary>
internal readonly unsafe struct LogCommand : ICommand
{
    private const ulong NsPerSecond = 1_000_000_000;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Name => "log"u8;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Arguments => "[-w]"u8;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Explanation => "the service's log; -w waits for more, ^C ends it"u8;

    /// <inheritdoc/>
    public static CommandForm Form => CommandForm.Table;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Heading => "AGO           LEVEL  TEXT"u8;

    /// <inheritdoc/>
    public static CommandProgress Step(ref CommandRun run)
    {
        bool waits = run.Arguments.SequenceEqual("-w"u8);
        LogLayout* log = run.Context.Records;
        if (log == null || (!waits && !run.Arguments.IsEmpty))
        {
            return log == null ? run.Fail("the service was given no log"u8) : run.Fail("log takes -w and nothing else"u8, CommandRun.Usage);
        }

        // The service writes the log itself: nothing changes while a record is read.
        ulong first = log->Written > log->Capacity ? log->Written - log->Capacity : 0;
        ulong index = Math.Max(run.State.Step, first);
        if (index >= log->Written)
        {
            return waits ? CommandProgress.Waiting : CommandProgress.Done;
        }

        LogRecord* record = (LogRecord*)((byte*)log + LogLayout.HeaderSize) + (index % log->Capacity);
        ulong agoNs = run.Context.Clock.NanosecondsFromTicks(run.Now.Tsc - Math.Min(record->Tsc, run.Now.Tsc));
        RowWriter row = run.BeginRow();
        row.Time("ago_s"u8, agoNs / NsPerSecond, 12);
        row.Number("level"u8, (ulong)record->Severity, 5);
        row.Text("text"u8, ((ReadOnlySpan<byte>)record->Text)[..(int)Math.Min(record->TextLength, LogRecord.TextSize)]);
        row.Number("value"u8, record->Value);
        row.End();
        run.State.Step = index + 1;
        return CommandProgress.More;
    }
}
