using Sos.Sdk.Memory;

namespace Sos.Sdk.Packets;

/// <summary>
/// The memory a device may reach: packet buffers and device rings come from it, at initialisation. It is contiguous on the bus
/// within 2 MiB chunks only, so nothing that is taken from it crosses a chunk. Copies share one state.
/// </summary>
public readonly unsafe struct PacketMemory
{
    /// <summary>Bytes of a chunk (SOS_CHUNK_SHIFT).</summary>
    public const ulong ChunkSize = 1UL << 21;

    /// <summary>The largest alignment that can be asked for: a page.</summary>
    public const uint AlignmentMax = 4096;

    private readonly State* _state;

    private PacketMemory(State* state) => _state = state;

    /// <summary>Bytes not yet taken.</summary>
    public ulong Free => _state->Size - _state->Used;

    /// <summary>Names packet memory.</summary>
    /// <param name="arena">Where the state is kept.</param>
    /// <param name="memory">The first byte, aligned to <see cref="AlignmentMax"/>; chunks count from here.</param>
    /// <param name="size">Bytes.</param>
    /// <param name="dmaAddresses">Bus address of each chunk, or null without a device.</param>
    /// <param name="packetMemory">The memory.</param>
    /// <returns>Whether the memory is aligned and the arena had room for the state.</returns>
    public static bool TryCreate(Arena arena, byte* memory, ulong size, ulong* dmaAddresses, out PacketMemory packetMemory)
    {
        packetMemory = default;
        if (memory == null || ((nuint)memory & (AlignmentMax - 1)) != 0 || !arena.TryAllocate(out State* state))
        {
            return false;
        }

        state->Memory = memory;
        state->Size = size;
        state->DmaAddresses = dmaAddresses;
        packetMemory = new PacketMemory(state);
        return true;
    }

    /// <summary>The addresses at which a device sees this memory.</summary>
    /// <param name="dmaAddresses">Bus address of each chunk as that device has it; null for those that the memory itself was given.</param>
    internal BusMap ToBusMap(ulong* dmaAddresses)
        => new(_state->Memory, _state->Size, dmaAddresses != null ? dmaAddresses : _state->DmaAddresses);

    /// <summary>Takes bytes within one chunk.</summary>
    /// <param name="size">Bytes, at least 1; more than <see cref="ChunkSize"/> never fit.</param>
    /// <param name="alignment">A power of two, at most <see cref="AlignmentMax"/>.</param>
    /// <param name="address">Where the service sees them, or null.</param>
    /// <returns>Whether they fit.</returns>
    public bool TryAllocate(ulong size, uint alignment, out byte* address)
    {
        Trap.Unless(
            size != 0 && alignment != 0 && alignment <= AlignmentMax && (alignment & (alignment - 1)) == 0, TrapCode.BadArgument);
        address = null;
        ulong mask = alignment - 1;
        ulong offset = (_state->Used + mask) & ~mask;
        if (size > ChunkSize)
        {
            return false;
        }

        if ((offset & (ChunkSize - 1)) + size > ChunkSize)
        {
            offset = (offset + ChunkSize - 1) & ~(ChunkSize - 1);
        }

        if (offset > _state->Size || size > _state->Size - offset)
        {
            return false;
        }

        _state->Used = offset + size;
        address = _state->Memory + offset;
        return true;
    }

    private struct State
    {
        public byte* Memory;
        public ulong Size;
        public ulong Used;
        public ulong* DmaAddresses;
    }
}
