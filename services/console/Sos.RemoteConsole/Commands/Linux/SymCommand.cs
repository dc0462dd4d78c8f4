using System;

namespace Sos.RemoteConsole.Commands.Linux;

/// <summary><c>sym</c>: the function that holds an address.</summary>
internal readonly struct SymCommand : ICommand
{
    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Name => "sym"u8;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Arguments => "ADDRESS"u8;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Explanation => "the function of Linux's that holds an address"u8;

    /// <inheritdoc/>
    public static CommandForm Form => CommandForm.Fields;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Heading => default;

    /// <inheritdoc/>
    public static CommandProgress Step(ref CommandRun run)
    {
        Words words = new(run.Arguments);
        if (!Words.TryReadAddress(words.Take(), out ulong address) || !words.Take().IsEmpty)
        {
            return run.Fail("sym takes an address in hexadecimal digits, as in sym ffffffff81000000"u8, CommandRun.Usage);
        }

        if (!LinuxView.IsOpen(ref run))
        {
            return CommandProgress.Done;
        }

        if (!run.Context.Linux.Symbols.TryFindFunction(address, out ReadOnlySpan<byte> name, out ulong offset))
        {
            return run.Fail("no function of Linux's lies there"u8);
        }

        RowWriter row = run.BeginRow(Form);
        row.Text("function"u8, name);
        row.Hex("offset"u8, offset);
        row.End();
        return CommandProgress.Done;
    }
}
