using System;

namespace Sos.RemoteConsole.Commands.Linux;

/// <summary><c>read</c>: bytes of Linux's memory.</summary>
internal readonly struct ReadCommand : ICommand
{
    private const int RowSize = 16;
    private const int RowsPerStep = 8;
    private const ulong LengthMax = 1 << 20;
    private const ulong PhysicalEnd = 1UL << 52;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Name => "read"u8;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Arguments => "ADDRESS LENGTH"u8;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Explanation => "bytes of Linux's memory; below 2^52 the address is a physical one"u8;

    /// <inheritdoc/>
    public static CommandForm Form => CommandForm.Text;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Heading => default;

    /// <inheritdoc/>
    public static CommandProgress Step(ref CommandRun run)
    {
        Words words = new(run.Arguments);
        if (!Words.TryReadAddress(words.Take(), out ulong address) || !Words.TryReadNumber(words.Take(), out ulong length) || !words.Take().IsEmpty
            || length is 0 or > LengthMax)
        {
            return run.Fail("read takes an address in hexadecimal digits, and up to 1048576 bytes, as in read ffffffff81000000 64"u8, CommandRun.Usage);
        }

        if (!LinuxView.IsOpen(ref run))
        {
            return CommandProgress.Done;
        }

        Span<byte> bytes = stackalloc byte[RowSize];
        for (int i = 0; i < RowsPerStep; i++)
        {
            ulong done = run.State.Step;
            if (done == length)
            {
                return CommandProgress.Done;
            }

            ulong at = unchecked(address + done);
            Span<byte> row = bytes[..(int)Math.Min(RowSize, length - done)];
            bool isRead = address < PhysicalEnd ? run.Context.Linux.TryReadPhysical(at, row) : run.Context.Linux.TryRead(at, row);
            if (!isRead)
            {
                return run.Fail("there is no memory at that address, or none that may be read"u8);
            }

            Write(ref run, at, row);
            run.State.Step += (ulong)row.Length;
        }

        return CommandProgress.More;
    }

    private static void Write(ref CommandRun run, ulong address, scoped ReadOnlySpan<byte> bytes)
    {
        run.Output.WriteHex(address, 16);
        for (int i = 0; i < RowSize; i++)
        {
            run.Output.Write(i == RowSize / 2 ? "  "u8 : " "u8);
            if (i < bytes.Length)
            {
                run.Output.WriteHex(bytes[i], 2);
            }
            else
            {
                run.Output.Write("  "u8);
            }
        }

        run.Output.Write("  "u8);
        foreach (byte each in bytes)
        {
            run.Output.Write(each is < 0x20 or > 0x7e ? (byte)'.' : each);
        }

        run.Output.NewLine();
    }
}
