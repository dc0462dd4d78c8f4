namespace Sos.Firewall.Tables;

/// <summary>Who decides on a packet.</summary>
public enum TableMode : ushort
{
    /// <summary>The core alone: what it passes is good, and what it cannot read is dropped.</summary>
    Authoritative = 0,

    /// <summary>Linux judges all that passes: the core drops only what Linux would drop, and passes whatever it does not understand.</summary>
    Prefilter = 1,
}
