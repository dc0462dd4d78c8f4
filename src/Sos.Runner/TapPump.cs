using System.Runtime.InteropServices;
using Sos.Cores.Loading;
using Sos.Sdk.Control;

namespace Sos.Runner;

/// <summary>Moves frames between a TAP device and the rings of a host port.</summary>
internal unsafe struct TapPump
{
    private const int FramesMax = 64; // in each direction before the other has its turn
    private const nuint SetCarrier = 0x400454e2; // TUNSETCARRIER

    private KeeperPage* _page;
    private SlotRings _rings;
    private bool _carrier;

    /// <summary>Whether a frame of the device can be taken.</summary>
    public readonly bool CanTake => _page != null && _rings.HasRoom;

    /// <summary>Whether there is a frame for the device, or another carrier.</summary>
    public readonly bool HasWork => _page != null && (_rings.HasFrame || _rings.LinkUp != _carrier);

    /// <summary>Maps the host port; without one it does nothing.</summary>
    /// <returns>0 or an errno.</returns>
    public static int Create(KeeperPage* page, out TapPump pump)
    {
        const int invalid = 22; // EINVAL
        pump = default;
        if (page->Tap < 0)
        {
            return 0;
        }

        void* memory = Libc.Mmap(
            null, (nuint)page->HostPortSize, Libc.ProtectRead | Libc.ProtectWrite, Libc.MapShared, page->HostPort, 0);
        if (memory == Libc.MapFailed)
        {
            return Marshal.GetLastPInvokeError();
        }

        if (SlotRings.Attach(memory, page->HostPortSize) is not { } rings)
        {
            return invalid;
        }

        pump._page = page;
        pump._rings = rings;
        pump._carrier = true; // as a TAP device begins
        rings.SetUp(true);
        return 0;
    }

    /// <summary>Moves what is there, up to a limit.</summary>
    /// <returns>Whether there was anything.</returns>
    public bool Work()
    {
        if (_page == null)
        {
            return false;
        }

        if (_rings.LinkUp != _carrier)
        {
            _carrier = !_carrier;
            int carrier = _carrier ? 1 : 0;
            _ = Libc.Ioctl(_page->Tap, SetCarrier, &carrier);
        }

        return GiveToLinux() | TakeFromLinux();
    }

    /// <summary>Asks the service for notifications, or takes that back.</summary>
    public readonly void Arm(bool armed)
    {
        if (_page != null)
        {
            _rings.Arm(armed, !_rings.HasRoom);
        }
    }

    private readonly bool GiveToLinux()
    {
        int given = 0;
        for (; given < FramesMax && _rings.TryPeek(out byte* frame, out int length); given++)
        {
            if (frame == null)
            {
                _page->Invalid++;
            }
            else if (Libc.WriteFrame(_page->Tap, frame, (nuint)length) == length)
            {
                _page->ToLinux++;
            }
            else
            {
                _page->ToLinuxDropped++; // the device is down, or Linux has no memory
            }

            _rings.Consume();
        }

        return given > 0;
    }

    private readonly bool TakeFromLinux()
    {
        int taken = 0;
        for (; taken < FramesMax && _rings.HasRoom; taken++)
        {
            nint length = Libc.Read(_page->Tap, _rings.NextFrame(), HostSlot.FrameMax);
            if (length <= 0)
            {
                break;
            }

            _rings.Produce((int)length);
            _page->FromLinux++;
        }

        return taken > 0;
    }
}
