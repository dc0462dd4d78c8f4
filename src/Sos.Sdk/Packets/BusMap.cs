using System.Runtime.CompilerServices;

namespace Sos.Sdk.Packets;

/// <summary>
/// The bus addresses of packet memory for one device. Each card has its own: two cards usually stand in two IOMMU domains. The addresses are
/// kept out of the packet buffers, where a device could change them.
/// </summary>
internal readonly unsafe struct BusMap
{
    private readonly byte* _memory;
    private readonly ulong _size;
    private readonly ulong* _chunks;

    public BusMap(byte* memory, ulong size, ulong* chunks)
    {
        _memory = memory;
        _size = size;
        _chunks = chunks;
    }

    /// <summary>Whether the device reaches no memory at all.</summary>
    public bool IsEmpty => _chunks == null;

    /// <summary>Translates an address; what lies at it must not cross a chunk.</summary>
    /// <returns>False outside packet memory.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryTranslate(void* address, out ulong busAddress)
    {
        ulong offset = (ulong)((byte*)address - _memory);
        if (offset >= _size)
        {
            busAddress = 0;
            return false;
        }

        busAddress = _chunks[offset / PacketMemory.ChunkSize] + (offset % PacketMemory.ChunkSize);
        return true;
    }
}
