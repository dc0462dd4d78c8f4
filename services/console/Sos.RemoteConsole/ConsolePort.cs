using Sos.Net;
using Sos.Sdk.Packets;
using Sos.Sdk.Ports;
using Sos.Sdk.Services;
using Sos.Sdk.Time;
using Sos.Sdk.Wire;

namespace Sos.RemoteConsole;

/// <summary>
/// A card that a console shares: a port before a port. What is received for the console's addresses never leaves it, the rest does, so that any service that
/// works with a card works with this one and has a console as well. Copies of this handle share one console.
/// </summary>
/// <typeparam name="TNic">The card's port.</typeparam>
public readonly unsafe struct ConsolePort<TNic> : IPort
    where TNic : unmanaged, IPort
{
    private readonly Shared* _state;

    private ConsolePort(Shared* state) => _state = state;

    /// <inheritdoc/>
    public PortState State => _state->Nic.State;

    /// <inheritdoc/>
    public int Mtu => _state->Nic.Mtu;

    /// <inheritdoc/>
    public MacAddress Mac => _state->Nic.Mac;

    /// <summary>Puts a console before a card.</summary>
    /// <param name="setup">The service's setup.</param>
    /// <param name="settings">The console's settings.</param>
    /// <param name="nic">The card's port, opened.</param>
    /// <param name="pool">The card's buffers.</param>
    /// <param name="port">The port.</param>
    /// <returns>Whether the arena had room.</returns>
    public static bool TryCreate(ref ServiceSetup setup, in ConsoleSettings settings, TNic nic, PacketPool pool, out ConsolePort<TNic> port)
    {
        port = default;
        if (!setup.Arena.TryAllocate(out Shared* state) || !ConsoleContext.TryCreate(ref setup, in settings, out state->Context))
        {
            return false;
        }

        state->Nic = nic;
        state->Stop = setup.Stop;
        state->Pool = pool;
        state->Counters = new ConsoleCounters(setup.Statistics);
        EndpointSettings endpoint = settings.ForEndpoint(nic.Mac, nic.Mtu, state->Context.TscKhz);
        port = new ConsolePort<TNic>(state);
        return state->Endpoint.TryInitialize(setup.Arena, pool, in endpoint, setup.Log, Tsc.Read());
    }

    /// <inheritdoc/>
    /// <remarks>The console's own work is done here: call it in every pass.</remarks>
    public int Receive(ref Burst burst)
    {
        Shared* state = _state;
        ulong now = Tsc.Read();
        int before = burst.Count;
        if (state->Nic.Receive(ref burst) > 0)
        {
            TakeOut(ref burst, before, now);
        }

        state->Context.Poll(now);
        Burst answers = default;
        if (state->Stop.IsRaised || state->Context.Reset.EndsConnections)
        {
            state->Endpoint.End(ref state->Context, ref answers, now);
        }
        else
        {
            state->Endpoint.Poll(ref state->Context, state->Nic.State == PortState.Up, ref answers, now);
        }

        if (answers.Count > 0)
        {
            state->Counters.Sent.Add(answers.Count);
            _ = state->Nic.Transmit(ref answers);
        }

        state->Counters.Follow(in state->Endpoint);
        return burst.Count - before;
    }

    /// <inheritdoc/>
    public int Transmit(ref Burst burst) => _state->Nic.Transmit(ref burst);

    /// <inheritdoc/>
    public void Maintain(ulong now) => _state->Nic.Maintain(now);

    /// <summary>Takes the console's frames out of those that a burst has got.</summary>
    private void TakeOut(ref Burst burst, int start, ulong now)
    {
        Shared* state = _state;
        Burst others = default;
        others.Add(burst.Buffers[..start]);
        foreach (PacketBuffer buffer in burst.Buffers[start..])
        {
            FrameOwner owner = state->Endpoint.OwnerOf(buffer.Frame);
            if (owner != FrameOwner.Host)
            {
                state->Counters.Received.Increment();
                state->Endpoint.Take(ref state->Context, buffer.Frame, now);
            }

            if (owner == FrameOwner.Endpoint)
            {
                state->Pool.Free(buffer);
            }
            else
            {
                others.Add(buffer);
            }
        }

        burst = others;
    }

    private struct Shared
    {
        public TNic Nic;
        public StopSignal Stop;
        public PacketPool Pool;
        public ConsoleContext Context;
        public ConsoleCounters Counters;
        public Endpoint<ConsoleSession, ConsoleContext> Endpoint;
    }
}
