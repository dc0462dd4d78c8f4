namespace Sos.Net;

/// <summary>The owner of a frame that the card received.</summary>
public enum FrameOwner : byte
{
    /// <summary>Linux's alone.</summary>
    Host = 0,

    /// <summary>The endpoint's alone.</summary>
    Endpoint,

    /// <summary>Both want to see it: what a router or a neighbour tells all.</summary>
    Both,
}
