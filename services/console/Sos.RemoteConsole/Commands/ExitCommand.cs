using System;

namespace Sos.RemoteConsole.Commands;

/// <summary><c>exit</c>: leaves.</summary>
internal readonly struct ExitCommand : ICommand
{
    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Name => "exit"u8;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Arguments => default;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Explanation => "leaves; ^D does as well"u8;

    /// <inheritdoc/>
    public static CommandForm Form => CommandForm.Text;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Heading => default;

    /// <inheritdoc/>
    public static CommandProgress Step(ref CommandRun run)
    {
        run.State.Leaves = true;
        return CommandProgress.Done;
    }
}
