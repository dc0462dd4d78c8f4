using Sos.Sdk.Memory;
using Sos.Sdk.Packets;
using Sos.Sdk.Ports;

namespace Sos.Sdk.Scheduling;

/// <summary>Receives from a port in bursts, up to a budget of packets a turn, so that a flood cannot keep the other tasks waiting.</summary>
/// <typeparam name="TPort">The port.</typeparam>
/// <typeparam name="THandler">What is done with the packets.</typeparam>
public struct ReceiveTask<TPort, THandler> : IPollTask
    where TPort : unmanaged, IPort
    where THandler : unmanaged, IBurstHandler
{
    private readonly int _budget;
#pragma warning disable IDE0044 // A task changes its own fields: a readonly field would be copied, and the change lost.
    private TPort _port;
    private THandler _handler;
#pragma warning restore IDE0044
    private Burst _burst;

    /// <summary>Makes the task.</summary>
    /// <param name="port">The port.</param>
    /// <param name="handler">What is done with the packets.</param>
    /// <param name="budget">Packets a turn; the last burst may go beyond by less than <see cref="Burst.Capacity"/>.</param>
    public ReceiveTask(TPort port, THandler handler, int budget)
    {
        Trap.Unless(budget > 0, TrapCode.BadArgument);
        _port = port;
        _handler = handler;
        _budget = budget;
    }

    /// <inheritdoc/>
    public int Run(ulong now)
    {
        int packets = 0;
        while (packets < _budget)
        {
            int received = _port.Receive(ref _burst);
            if (received == 0)
            {
                break;
            }

            packets += received;
            _handler.Handle(ref _burst, now);
            Trap.Unless(_burst.Count == 0, TrapCode.BurstFull);
        }

        return packets;
    }
}
