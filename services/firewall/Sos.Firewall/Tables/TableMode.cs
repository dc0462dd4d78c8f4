namespace Sos.Firewall.Tables;

/// <summary>Who decides on a packet.</summary>
public enum TableMode : ushort
{
    /// <summary>The core alone: what it passes is good, and what it cannot read is dropped.</summary>
    Authoritative = 0,

    /// <summary>Linux judges all that passes: the core drops only what Linux would drop, and passes whatever it does not understand.</summary>
    Prefilter = 1,

    /// <summary>
    /// As <see cref="Prefilter"/>; the core also records the connections of what it passes, so that a stranger's packet is the first of its
    /// connection that Linux could see.
    /// </summary>
    RecordingPrefilter = 2,

    /// <summary>As <see cref="Authoritative"/>; the core also tracks connections, for which rules ask, by what arrives and by what Linux sends.</summary>
    Stateful = 3,
}
