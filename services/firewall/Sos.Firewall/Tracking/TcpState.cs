namespace Sos.Firewall.Tracking;

/// <summary>The state of a TCP connection as somebody sees it who stands between its ends: numbered as nf_conntrack numbers them.</summary>
public enum TcpState : byte
{
    /// <summary>Nothing was seen.</summary>
    None = 0,

    /// <summary>A SYN was seen.</summary>
    SynSent = 1,

    /// <summary>A SYN with ACK answered it.</summary>
    SynReceived = 2,

    /// <summary>The handshake is complete, or the connection was met in its middle.</summary>
    Established = 3,

    /// <summary>One end sent FIN.</summary>
    FinWait = 4,

    /// <summary>The FIN was acknowledged.</summary>
    CloseWait = 5,

    /// <summary>Both ends sent FIN.</summary>
    LastAck = 6,

    /// <summary>The last FIN was acknowledged.</summary>
    TimeWait = 7,

    /// <summary>A reset ended the connection.</summary>
    Close = 8,

    /// <summary>Both ends sent SYN (simultaneous open).</summary>
    SynSent2 = 9,
}

/// <summary>The part that a segment plays in a connection: by the first of RST, SYN, FIN and ACK that it has.</summary>
public enum TcpSegmentKind : byte
{
    /// <summary>SYN alone.</summary>
    Syn = 0,

    /// <summary>SYN and ACK.</summary>
    SynAck = 1,

    /// <summary>FIN.</summary>
    Fin = 2,

    /// <summary>ACK alone.</summary>
    Ack = 3,

    /// <summary>RST.</summary>
    Reset = 4,

    /// <summary>None of these.</summary>
    None = 5,
}

/// <summary>The direction of a packet within its flow.</summary>
public enum FlowDirection : byte
{
    /// <summary>From the end that sent the flow's first packet.</summary>
    Original = 0,

    /// <summary>To that end.</summary>
    Reply = 1,
}
