namespace Sos.Sdk.Memory;

/// <summary>Why a service trapped: the address in its fault record. Below 4096, so that it is never a mapped address.</summary>
public enum TrapCode : ushort
{
    /// <summary>An index lies outside its block of memory.</summary>
    IndexOutOfRange = 0x101,

    /// <summary>An argument lies outside what the callee states.</summary>
    BadArgument = 0x102,

    /// <summary>A packet buffer was freed twice.</summary>
    DoubleFree = 0x110,

    /// <summary>A packet buffer was given to a pool that it does not come from.</summary>
    ForeignBuffer = 0x111,

    /// <summary>An operation would leave the bounds of a packet buffer.</summary>
    BufferBounds = 0x112,

    /// <summary>A burst is full.</summary>
    BurstFull = 0x113,

    /// <summary>More counters than fit, or a name that is empty or too long.</summary>
    CounterLimit = 0x120,

    /// <summary>A timer was named that does not exist.</summary>
    BadTimer = 0x130,

    /// <summary>The other side of a ring moved its index beyond what the ring holds.</summary>
    RingIndex = 0x140,

    /// <summary>A device answered with something that its specification forbids.</summary>
    DeviceMisbehaved = 0x150,

    /// <summary>A port was used that was never opened.</summary>
    PortNotOpen = 0x151,

    /// <summary>A port was opened a second time.</summary>
    PortOpenedTwice = 0x152,

    /// <summary>The first code that a service may define for itself; the last is 0xfff.</summary>
    ServiceDefined = 0x800,
}
