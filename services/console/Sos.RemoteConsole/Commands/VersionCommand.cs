using System;
using Sos.RemoteConsole.Commands.Linux;
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
    public static ReadOnlySpan<byte> Explanation => "the service's ABI, and Linux's version if it can be seen"u8;

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
        Span<byte> space = stackalloc byte[LinuxView.BannerMax];
        ReadOnlySpan<byte> linux = LinuxView.ReadBanner(ref run.Context.Linux, space);
        if (!linux.IsEmpty)
        {
            row.Text("linux"u8, linux);
        }

        row.End();
        return CommandProgress.Done;
    }
}
