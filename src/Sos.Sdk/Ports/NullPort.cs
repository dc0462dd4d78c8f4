using Sos.Sdk.Packets;
using Sos.Sdk.Wire;

namespace Sos.Sdk.Ports;

/// <summary>A port that receives nothing and drops what it is given.</summary>
public readonly struct NullPort : IPort
{
    private readonly PacketPool _pool;

    /// <summary>Makes the port.</summary>
    /// <param name="pool">Where the buffers of dropped frames go back to.</param>
    public NullPort(PacketPool pool) => _pool = pool;

    /// <inheritdoc/>
    public PortState State => PortState.Down;

    /// <inheritdoc/>
    public int Mtu => 0;

    /// <inheritdoc/>
    public MacAddress Mac => default;

    /// <inheritdoc/>
    public int Receive(ref Burst burst) => 0;

    /// <inheritdoc/>
    public int Transmit(ref Burst burst)
    {
        _pool.Free(ref burst);
        return 0;
    }

    /// <inheritdoc/>
    public void Maintain(ulong now)
    {
    }
}
