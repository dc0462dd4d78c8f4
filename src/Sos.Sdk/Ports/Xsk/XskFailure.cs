namespace Sos.Sdk.Ports.Xsk;

/// <summary>Why an AF_XDP port can no longer be used: the kernel's side broke the contract of its rings.</summary>
public enum XskFailure
{
    /// <summary>The port works.</summary>
    None = 0,

    /// <summary>There is no port: the service was given no such socket, or there was no memory for it.</summary>
    NotGiven = 1,

    /// <summary>The receive ring's producer ran ahead of the chunks that the kernel holds.</summary>
    ReceiveIndexJumped = 2,

    /// <summary>The completion ring's producer ran ahead of the frames that were to be sent.</summary>
    CompletionIndexJumped = 3,

    /// <summary>A received frame lies in a chunk that the kernel was not given for it.</summary>
    ReceiveChunkNotOutstanding = 4,

    /// <summary>A completed frame lies in a chunk that was not to be sent.</summary>
    CompletionChunkNotOutstanding = 5,

    /// <summary>The fill ring's consumer is ahead of its producer, or further behind than the ring is long.</summary>
    FillIndexJumped = 6,
}
