namespace Sos.Net;

/// <summary>How an address of the endpoint stands.</summary>
public enum AddressState : byte
{
    /// <summary>There is none.</summary>
    None = 0,

    /// <summary>The link is asked for it: somebody else may have it.</summary>
    Tentative,

    /// <summary>The endpoint uses it.</summary>
    Ready,

    /// <summary>Another host has it: it is not used, and looked for again from time to time.</summary>
    Conflict,
}

/// <summary>An address of the endpoint.</summary>
internal struct LocalAddress
{
    public IpAddress Address;
    public AddressState State;

    /// <summary>Probes or announcements sent.</summary>
    public int Sent;

    /// <summary>When the next is due; 0: none is.</summary>
    public ulong NextAt;

    /// <summary>Until when it is valid; 0: for ever.</summary>
    public ulong ValidUntil;

    /// <summary>When a router last told its prefix.</summary>
    public ulong ToldAt;

    /// <summary>Whether it was told that another host has it, and it has not been in use since.</summary>
    public bool IsConflictTold;

    /// <summary>When it was last defended against another host.</summary>
    public ulong DefendedAt;
}
