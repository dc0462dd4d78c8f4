using System;
using Sos.Sdk.Control;

namespace Sos.RemoteConsole.Commands;

/// <summary><c>version</c>: what runs here.</summary>
internal readonly struct VersionCommand : ICommand
{
    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Name => "version"u8;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Arguments => default;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Explanation => "the service's ABI"u8;

    /// <inheritdoc/>
    public static CommandForm Form => CommandForm.Fields;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Heading => default;

    /// <inheritdoc/>
    public static CommandProgress Step(ref CommandRun run)
    {
        RowWriter row = run.BeginRow(Form);
        row.Text("service"u8, "SOS console"u8);
        row.Number("abi"u8, ServiceControl.AbiVersion);
        row.End();
        return CommandProgress.Done;
    }
}
