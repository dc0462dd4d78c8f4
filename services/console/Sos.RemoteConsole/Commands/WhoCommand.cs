using System;
using Sos.RemoteConsole.Text;

namespace Sos.RemoteConsole.Commands;

/// <summary><c>who</c>: the visitors.</summary>
internal readonly struct WhoCommand : ICommand
{
    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Name => "who"u8;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Arguments => default;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Explanation => "who is connected, from where, since when, with which key"u8;

    /// <inheritdoc/>
    public static CommandForm Form => CommandForm.Table;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Heading => "FROM                                  BY      IN   SINCE         IDLE          KEY"u8;

    /// <inheritdoc/>
    public static CommandProgress Step(ref CommandRun run)
    {
        Span<byte> from = stackalloc byte[AddressAndPort.SizeMax];
        for (int place = (int)run.State.Step; place < ConsoleContext.VisitorsMax; place++)
        {
            ref Visitor visitor = ref run.Context[place];
            if (!visitor.IsHere)
            {
                continue;
            }

            RowWriter row = run.BeginRow();
            row.Text("from"u8, from[..AddressAndPort.Write(in visitor.Peer, from)], 36);
            row.Text("by"u8, visitor.IsSsh ? "ssh"u8 : "telnet"u8, 6);
            row.Flag("logged_in"u8, visitor.IsLoggedIn, 3);
            row.Time("since_s"u8, (run.Now.Ms - visitor.SinceMs) / 1000, 12);
            row.Time("idle_s"u8, (run.Now.Ms - visitor.TypedMs) / 1000, 12);
            row.Text("key"u8, visitor.Label);
            row.End();
            run.State.Step = (ulong)place + 1;
            return CommandProgress.More;
        }

        return CommandProgress.Done;
    }
}
