using System;

namespace Sos.Firewall.Tracking;

/// <summary>
/// The states that segments lead to, as nf_conntrack has them (nf_conntrack_proto_tcp.c, tcp_conntracks): what a segment means depends on who sent it,
/// since the tracker stands in the middle and packets may be lost behind it.
/// </summary>
public static class TcpTransitions
{
    /// <summary>In place of a state: the segment does not belong to a connection in that state.</summary>
    public const TcpState Invalid = (TcpState)10;

    /// <summary>In place of a state: the segment may be right though the state says otherwise; the receiver's answer will tell.</summary>
    public const TcpState Ignored = (TcpState)11;

    private const int States = 10;
    private const int Kinds = 6;

    private const byte Ss = (byte)TcpState.SynSent;
    private const byte Sr = (byte)TcpState.SynReceived;
    private const byte Es = (byte)TcpState.Established;
    private const byte Fw = (byte)TcpState.FinWait;
    private const byte Cw = (byte)TcpState.CloseWait;
    private const byte La = (byte)TcpState.LastAck;
    private const byte Tw = (byte)TcpState.TimeWait;
    private const byte Cl = (byte)TcpState.Close;
    private const byte S2 = (byte)TcpState.SynSent2;
    private const byte Iv = (byte)Invalid;
    private const byte Ig = (byte)Ignored;

    /// <summary>A row for each kind of segment, first of the original direction, then of the reply's; a column for each state.</summary>
    private static ReadOnlySpan<byte> Table =>
    [
        //          None SynS SynR Est  FinW ClW  LAck TimW Clos SynS2
        /* SYN     */ Ss, Ss, Ig, Ig, Ig, Ig, Ig, Ss, Ss, S2,
        /* SYN ACK */ Iv, Iv, Sr, Iv, Iv, Iv, Iv, Iv, Iv, Sr,
        /* FIN     */ Iv, Iv, Fw, Fw, La, La, La, Tw, Cl, Iv,
        /* ACK     */ Es, Iv, Es, Es, Cw, Cw, Tw, Tw, Cl, Iv,
        /* RST     */ Iv, Cl, Cl, Cl, Cl, Cl, Cl, Cl, Cl, Cl,
        /* none    */ Iv, Iv, Iv, Iv, Iv, Iv, Iv, Iv, Iv, Iv,

        /* SYN     */ Iv, S2, Iv, Iv, Iv, Iv, Iv, Ss, Iv, S2,
        /* SYN ACK */ Iv, Sr, Ig, Ig, Ig, Ig, Ig, Ig, Ig, Sr,
        /* FIN     */ Iv, Iv, Fw, Fw, La, La, La, Tw, Cl, Iv,
        /* ACK     */ Iv, Ig, Sr, Es, Cw, Cw, Tw, Tw, Cl, Ig,
        /* RST     */ Iv, Cl, Cl, Cl, Cl, Cl, Cl, Cl, Cl, Cl,
        /* none    */ Iv, Iv, Iv, Iv, Iv, Iv, Iv, Iv, Iv, Iv,
    ];

    /// <summary>Returns the state behind a segment, or <see cref="Invalid"/>, or <see cref="Ignored"/>.</summary>
    /// <param name="direction">Who sent it.</param>
    /// <param name="kind">Its kind.</param>
    /// <param name="state">The state before it.</param>
    public static TcpState Next(FlowDirection direction, TcpSegmentKind kind, TcpState state)
        => (TcpState)Table[((((int)direction * Kinds) + (int)kind) * States) + (int)state];
}
