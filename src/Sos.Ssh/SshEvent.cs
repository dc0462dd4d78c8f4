namespace Sos.Ssh;

/// <summary>Something that the client asked for and the host of the session has to do.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Channel">The channel, 0 to <see cref="SshSession.ChannelsMax"/> - 1.</param>
/// <param name="Value">The signal's <see cref="SshSignal"/>, or a break's length in milliseconds.</param>
public readonly record struct SshEvent(SshEventKind Kind, int Channel, uint Value);

/// <summary>Kinds of <see cref="SshEvent"/>, in the order in which those of one channel are told.</summary>
public enum SshEventKind : byte
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>Begin a shell. The channel's terminal says whether lines are edited.</summary>
    Shell,

    /// <summary>Run the channel's command.</summary>
    Execute,

    /// <summary>The terminal has another size.</summary>
    WindowChanged,

    /// <summary>A break (RFC 4335).</summary>
    Break,

    /// <summary>A signal.</summary>
    Signal,

    /// <summary>The client sends nothing more; what it sent may be read still.</summary>
    EndOfInput,

    /// <summary>The channel is gone: whatever runs for it ends. It says nothing of it any more.</summary>
    Closed,
}

/// <summary>Signals (RFC 4254, 6.10).</summary>
public enum SshSignal : byte
{
    /// <summary>One that has no place here.</summary>
    Other,

    /// <summary>Aborts.</summary>
    Abort,

    /// <summary>The line is gone.</summary>
    HangUp,

    /// <summary>Control-C.</summary>
    Interrupt,

    /// <summary>Ends at once.</summary>
    Kill,

    /// <summary>Control-backslash.</summary>
    Quit,

    /// <summary>Ends.</summary>
    Terminate,

    /// <summary>The first of the user's.</summary>
    User1,

    /// <summary>The second of the user's.</summary>
    User2,
}
