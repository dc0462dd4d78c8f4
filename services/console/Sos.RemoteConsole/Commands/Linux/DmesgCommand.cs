using System;
using System.Runtime.CompilerServices;
using Sos.RemoteConsole.View;

namespace Sos.RemoteConsole.Commands.Linux;

/// <summary><c>dmesg</c>: Linux's log, as it is in memory.</summary>
internal readonly struct DmesgCommand : ICommand
{
    private const ulong NsPerSecond = 1_000_000_000;
    private const ulong NsPerMicrosecond = 1_000;
    private const int TextMax = 1024;
    private const uint LevelMax = 7;

    /// <summary>Records that a step looks at: more rows than one would not fit.</summary>
    private const int RecordsPerStep = 8;

    /// <summary>Bytes of a row's text at most, as they are written; what is longer goes on in the next row.</summary>
    private const int RowTextMax = 640;

    /// <summary>How long a record that its writer may add to is waited for.</summary>
    private const ulong OpenMs = 2000;

    private const int End = 0;
    private const int Offset = 1;
    private const int OpenSince = 2;
    private const int Begun = 3;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Name => "dmesg"u8;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Arguments => "[-w] [--level N]"u8;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Explanation => "Linux's log, to level N (0 to 7); -w waits for more, ^C ends it"u8;

    /// <inheritdoc/>
    public static CommandForm Form => CommandForm.Table;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Heading => default;

    /// <inheritdoc/>
    public static CommandProgress Step(ref CommandRun run)
    {
        if (!TryReadOptions(run.Arguments, out bool waits, out uint level))
        {
            return run.Fail("dmesg takes -w, and --level with a number from 0 to 7"u8, CommandRun.Usage);
        }

        if (!LinuxView.IsOpen(ref run, LinuxField.LogRing, LinuxField.InfoCaller))
        {
            return CommandProgress.Done;
        }

        ref LinuxMemory linux = ref run.Context.Linux;
        if (!KernelLog.TryFindBounds(ref linux, out ulong first, out ulong end))
        {
            return run.Fail("Linux's log cannot be read: what leads to it is not in its memory"u8);
        }

        Begin(ref run, first, end);
        ulong limit = waits ? end : run.State.Kept[End];
        TextBytes text = default;
        Span<byte> space = text;
        for (int i = 0; i < RecordsPerStep; i++)
        {
            if (run.State.Step == limit)
            {
                return waits ? CommandProgress.Waiting : CommandProgress.Done;
            }

            bool isThere = KernelLog.TryRead(ref linux, run.State.Step, space, out KernelLogRecord record);
            bool isNewest = KernelLog.Next(run.State.Step) == end;
            if (waits && isNewest && isThere && record.State is KernelLogState.Open or KernelLogState.Torn && !HasWaited(ref run))
            {
                return CommandProgress.Waiting;
            }

            if (isThere && (record.Level <= level || record.State == KernelLogState.Torn))
            {
                Write(ref run, in record, space[..Math.Min(record.TextLength, TextMax)]);
                return CommandProgress.More;
            }

            Advance(ref run);
        }

        return CommandProgress.More;
    }

    private static void Begin(ref CommandRun run, ulong first, ulong end)
    {
        if (run.State.Kept[Begun] == 0)
        {
            run.State.Step = first;
            run.State.Kept[End] = end;
            run.State.Kept[Begun] = 1;
        }

        // What was overwritten before it was read is gone.
        if (KernelLog.IsBefore(run.State.Step, first))
        {
            run.State.Step = first;
            run.State.Kept[Offset] = 0;
        }
    }

    private static void Advance(ref CommandRun run)
    {
        run.State.Step = KernelLog.Next(run.State.Step);
        run.State.Kept[Offset] = 0;
        run.State.Kept[OpenSince] = 0;
    }

    private static bool HasWaited(ref CommandRun run)
    {
        ref ulong since = ref run.State.Kept[OpenSince];
        since = since == 0 ? run.Now.Ms : since;
        return run.Now.Ms - since > OpenMs;
    }

    private static void Write(ref CommandRun run, in KernelLogRecord record, scoped ReadOnlySpan<byte> text)
    {
        int offset = (int)Math.Min(run.State.Kept[Offset], (ulong)text.Length);
        ReadOnlySpan<byte> rest = record.State is KernelLogState.Whole or KernelLogState.Open ? text[offset..] : default;
        int length = LengthOfRow(rest);
        Span<byte> time = stackalloc byte[32];
        RowWriter row = run.BeginRow();
        row.Text("time_s"u8, LinuxView.Decimal(record.TimeNs / NsPerSecond, record.TimeNs % NsPerSecond / NsPerMicrosecond, 6, time), 12);
        row.Number("level"u8, record.Level);
        row.Text("text"u8, record.State switch
        {
            KernelLogState.Torn => "<torn: it was being written, or overwritten>"u8,
            KernelLogState.NoText => "<lost: the ring had no room for its text>"u8,
            _ => rest[..length],
        });
        row.End();

        // The line's end is not shown; the rest is a row of its own.
        bool goesOn = length < rest.Length;
        int next = offset + length + (goesOn && rest[length] == (byte)'\n' ? 1 : 0);
        if (goesOn && next < text.Length)
        {
            run.State.Kept[Offset] = (ulong)next;
        }
        else
        {
            Advance(ref run);
        }
    }

    /// <summary>Bytes up to the line's end, or as many as a row takes: what JSON must escape takes six.</summary>
    private static int LengthOfRow(ReadOnlySpan<byte> text)
    {
        int written = 0;
        int length = 0;
        while (length < text.Length && text[length] != (byte)'\n')
        {
            written += text[length] is < 0x20 or > 0x7e or (byte)'"' or (byte)'\\' ? 6 : 1;
            if (written > RowTextMax)
            {
                break;
            }

            length++;
        }

        return length;
    }

    [InlineArray(TextMax)]
    private struct TextBytes
    {
        private byte _first;
    }

    private static bool TryReadOptions(ReadOnlySpan<byte> arguments, out bool waits, out uint level)
    {
        waits = false;
        level = LevelMax;
        Words words = new(arguments);
        for (ReadOnlySpan<byte> word = words.Take(); !word.IsEmpty; word = words.Take())
        {
            if (word.SequenceEqual("-w"u8))
            {
                waits = true;
            }
            else if (word.SequenceEqual("--level"u8) && Words.TryReadNumber(words.Take(), out ulong number) && number <= LevelMax)
            {
                level = (uint)number;
            }
            else
            {
                return false;
            }
        }

        return true;
    }
}
