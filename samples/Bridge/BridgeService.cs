using Sos.Sdk.Packets;
using Sos.Sdk.Ports;
using Sos.Sdk.Services;
using Sos.Sdk.Statistics;

namespace Bridge;

/// <summary>Two ports, "wan" and "lan", and a wire between them: what one card receives the other sends. Linux has no part in it.</summary>
public struct BridgeService : IService
{
    private NicPort _wan;
    private NicPort _lan;
    private Counter _toLan;
    private Counter _toWan;

    /// <inheritdoc/>
    public long Initialize(ref ServiceSetup setup)
    {
        _toLan = setup.Statistics.Add("bridge.to_lan"u8);
        _toWan = setup.Statistics.Add("bridge.to_wan"u8);
        bool opened = setup.TryCreatePacketPool(out PacketPool pool)
            && NicPort.TryOpen(ref setup, "wan"u8, pool, out _wan)
            && NicPort.TryOpen(ref setup, "lan"u8, pool, out _lan);
        return opened ? 0 : 1; // the log says what is missing
    }

    /// <inheritdoc/>
    public void Poll(ulong now)
    {
        Burst burst = default;
        if (_wan.Receive(ref burst) > 0)
        {
            _toLan.Add(_lan.Transmit(ref burst));
        }

        if (_lan.Receive(ref burst) > 0)
        {
            _toWan.Add(_wan.Transmit(ref burst));
        }
    }
}
