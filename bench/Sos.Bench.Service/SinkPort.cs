using Sos.Sdk.Packets;
using Sos.Sdk.Ports;
using Sos.Sdk.Wire;

namespace Sos.Bench.Service;

/// <summary>The host in memory: takes every frame, counts it and gives its buffer back. Sends nothing.</summary>
internal readonly unsafe struct SinkPort : IPort
{
    private readonly ReplayState* _state;
    private readonly PacketPool _pool;

    public SinkPort(ReplayState* state, PacketPool pool)
    {
        _state = state;
        _pool = pool;
    }

    public PortState State => PortState.Up;

    public int Mtu => 1500;

    public MacAddress Mac => default;

    public int Receive(ref Burst burst) => 0;

    public int Transmit(ref Burst burst)
    {
        int count = burst.Count;
        _state->Passed += (uint)count;
        if (_state->Records)
        {
            foreach (PacketBuffer buffer in burst.Buffers)
            {
                _state->Verdicts[_state->Positions[buffer.Header.Index]] = 1;
            }
        }

        _pool.Free(ref burst);
        return count;
    }

    public void Maintain(ulong now)
    {
    }
}
