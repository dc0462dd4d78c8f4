using System.Numerics;
using System.Threading;
using Sos.Sdk.Control;

namespace Sos.Runner;

/// <summary>
/// Linux's side of a pair of slot rings, as the driver has for its host port: fills from_host, empties to_host. The service can write
/// to all of this memory: what matters was read once at the start, and what it says later is checked as it is used.
/// </summary>
internal sealed unsafe class SlotRings
{
    private readonly HostPortLayout* _shared;
    private readonly byte* _toHost;
    private readonly byte* _fromHost;
    private readonly uint _slots;
    private uint _consumed;
    private uint _produced;

    private SlotRings(HostPortLayout* shared, uint slots, ulong toHost, ulong fromHost)
    {
        _shared = shared;
        _slots = slots;
        _toHost = (byte*)shared + toHost;
        _fromHost = (byte*)shared + fromHost;
        _consumed = Volatile.Read(ref shared->ToHost.Consumer);
        _produced = Volatile.Read(ref shared->FromHost.Producer);
    }

    /// <summary>Whether the service says that its network can be reached.</summary>
    public bool LinkUp => Volatile.Read(ref _shared->LinkUp) != 0;

    /// <summary>Whether there is a frame for Linux.</summary>
    public bool HasFrame => Volatile.Read(ref _shared->ToHost.Producer) != _consumed;

    /// <summary>Whether a frame from Linux can be taken.</summary>
    public bool HasRoom => _produced - Volatile.Read(ref _shared->FromHost.Consumer) < _slots;

    /// <summary>Attaches to memory that sosctl has formatted.</summary>
    /// <returns>Null when it is not such.</returns>
    public static SlotRings? Attach(void* memory, ulong size)
    {
        HostPortLayout* shared = (HostPortLayout*)memory;
        uint slots = Volatile.Read(ref shared->Slots);
        ulong toHost = Volatile.Read(ref shared->ToHostOffset);
        ulong fromHost = Volatile.Read(ref shared->FromHostOffset);
        ulong bytes = (ulong)slots * HostSlot.Stride;
        bool valid = size >= HostPortLayout.Size && Volatile.Read(ref shared->Magic) == HostPortLayout.MagicValue && BitOperations.IsPow2(slots)
            && toHost <= size && size - toHost >= bytes && fromHost <= size && size - fromHost >= bytes;
        return valid ? new SlotRings(shared, slots, toHost, fromHost) : null;
    }

    /// <summary>Tells the service whether this side can be reached.</summary>
    public void SetUp(bool up) => Volatile.Write(ref _shared->HostUp, up ? 1u : 0u);

    /// <summary>Asks for a notification when a frame for Linux comes, or room for one from it; or takes that back.</summary>
    public void Arm(bool armed, bool wantsRoom)
    {
        Volatile.Write(ref _shared->ToHost.Armed, armed ? 1u : 0u);
        Volatile.Write(ref _shared->FromHost.Armed, armed && wantsRoom ? 1u : 0u);
    }

    /// <summary>The next frame for Linux.</summary>
    /// <param name="frame">Where it starts; null when the slot's length is impossible.</param>
    /// <param name="length">Its bytes.</param>
    /// <returns>Whether there is a slot, to be given back by <see cref="Consume"/>.</returns>
    public bool TryPeek(out byte* frame, out int length) => TryPeek(0, out frame, out length);

    /// <summary>A frame for Linux.</summary>
    /// <param name="ahead">Which one: 0 for the next.</param>
    /// <param name="frame">Where it starts; null when the slot's length is impossible.</param>
    /// <param name="length">Its bytes.</param>
    /// <returns>Whether there is a slot, to be given back by <see cref="Consume"/>.</returns>
    public bool TryPeek(int ahead, out byte* frame, out int length)
    {
        frame = null;
        length = 0;
        uint available = Volatile.Read(ref _shared->ToHost.Producer) - _consumed;
        if (available <= (uint)ahead)
        {
            return false;
        }

        if (available > _slots)
        {
            if (ahead > 0)
            {
                return false;
            }

            // The service moved its index too far: go on where it says it is.
            _consumed = Volatile.Read(ref _shared->ToHost.Producer) - 1;
        }

        HostSlot* slot = (HostSlot*)(_toHost + ((nuint)((_consumed + (uint)ahead) & (_slots - 1)) * HostSlot.Stride));
        uint bytes = Volatile.Read(ref slot->Length); // once: the service could change it after the check
        if (bytes is >= 14 and <= HostSlot.FrameMax)
        {
            frame = (byte*)slot + HostSlot.HeaderSize;
            length = (int)bytes;
        }

        return true;
    }

    /// <summary>Gives slots back, from the next on.</summary>
    public void Consume(int count = 1) => Volatile.Write(ref _shared->ToHost.Consumer, _consumed += (uint)count);

    /// <summary>Where the next frame from Linux goes, <see cref="HostSlot.FrameMax"/> bytes; there must be room.</summary>
    public byte* NextFrame() => _fromHost + ((nuint)(_produced & (_slots - 1)) * HostSlot.Stride) + HostSlot.HeaderSize;

    /// <summary>Shows the frame that was put there to the service.</summary>
    public void Produce(int length)
    {
        HostSlot* slot = (HostSlot*)(_fromHost + ((nuint)(_produced & (_slots - 1)) * HostSlot.Stride));
        slot->Length = (uint)length;
        slot->Flags = HostSlotFlags.None;
        Volatile.Write(ref _shared->FromHost.Producer, ++_produced);
    }
}
