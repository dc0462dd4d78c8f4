using Sos.Image.Ports;

namespace Sos.Image.Building;

/// <summary>The builder's options for an image.</summary>
public sealed record ImageOptions
{
    /// <summary>The service's name.</summary>
    public required string Name { get; init; }

    /// <summary>Its version.</summary>
    public string Version { get; init; } = "";

    /// <summary>Bytes of stack, a multiple of the page size.</summary>
    public uint StackSize { get; init; } = 64 << 10;

    /// <summary>Bytes of arena; 0 leaves it to the loader.</summary>
    public ulong ArenaSize { get; init; }

    /// <summary>The longest that a poll may take, in nanoseconds; 0 for no promise.</summary>
    public ulong PollBoundNs { get; init; }

    /// <summary>The largest image, in bytes of file and of memory; 0 for no limit.</summary>
    public ulong MaxImageSize { get; init; }

    /// <summary>The things that the service makes use of, if the operator grants them.</summary>
    public ServiceGrants AsksFor { get; init; }

    /// <summary>The ports that the service wants; null to state nothing (<see cref="PortWishes.Default"/>).</summary>
    public PortWishes? Ports { get; init; }

    /// <summary>The exported symbol at which the image starts.</summary>
    public string Entry { get; init; } = RuntimeStubs.Main;
}
