using System;

namespace Sos.RemoteConsole.Commands;

/// <summary><c>uptime</c>: how long service and Linux have been running.</summary>
internal readonly struct UptimeCommand : ICommand
{
    private const ulong NsPerSecond = 1_000_000_000;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Name => "uptime"u8;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Arguments => default;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Explanation => "how long service and Linux have been running, by the clock that Linux last told"u8;

    /// <inheritdoc/>
    public static CommandForm Form => CommandForm.Fields;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Heading => default;

    /// <inheritdoc/>
    public static CommandProgress Step(ref CommandRun run)
    {
        RowWriter row = run.BeginRow(Form);
        row.Time("service_s"u8, (run.Now.Ms - run.Context.StartedMs) / 1000);
        row.Time("linux_s"u8, run.Context.Clock.MonotonicNs(run.Now.Tsc) / NsPerSecond);
        row.End();
        return CommandProgress.Done;
    }
}
