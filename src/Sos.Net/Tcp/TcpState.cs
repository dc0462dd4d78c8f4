namespace Sos.Net.Tcp;

/// <summary>The states of a connection that was accepted (RFC 9293, 3.3.2). What is half open is kept elsewhere: see <see cref="HalfOpenTable"/>.</summary>
public enum TcpState : byte
{
    /// <summary>There is no connection.</summary>
    Closed = 0,

    /// <summary>Both sides may send.</summary>
    Established,

    /// <summary>We have ended our stream.</summary>
    FinWait1,

    /// <summary>We have ended our stream, and the peer knows.</summary>
    FinWait2,

    /// <summary>The peer has ended its stream.</summary>
    CloseWait,

    /// <summary>Both have ended at once, and the peer does not know of our end yet.</summary>
    Closing,

    /// <summary>Both have ended, the peer first, and it does not know of our end yet.</summary>
    LastAck,

    /// <summary>Both have ended and know; old segments may still come.</summary>
    TimeWait,
}
