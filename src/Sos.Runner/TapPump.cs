using System.Runtime.InteropServices;
using Sos.Cores.Loading;

namespace Sos.Runner;

/// <summary>
/// Gives Linux the frames that a service passes on: takes them off the rings of a host port and writes them into a TAP device, from where they come
/// into the receive path of the network device that the service has. What Linux sends does not come this way.
/// </summary>
internal unsafe struct TapPump
{
    private const int FramesMax = 64; // before others have their turn

    private KeeperPage* _page;
    private int _tap;
    private SlotRings _rings;

    /// <summary>Whether there is a frame for Linux.</summary>
    public readonly bool HasWork => _rings.HasFrame;

    /// <summary>Maps the host port.</summary>
    /// <returns>0 or an errno.</returns>
    public static int Create(KeeperPage* page, in KeeperTap tap, out TapPump pump)
    {
        const int invalid = 22; // EINVAL
        pump = default;
        void* memory = Libc.Mmap(
            null, (nuint)tap.HostPortSize, Libc.ProtectRead | Libc.ProtectWrite, Libc.MapShared, tap.HostPort, 0);
        if (memory == Libc.MapFailed)
        {
            return Marshal.GetLastPInvokeError();
        }

        if (SlotRings.Attach(memory, tap.HostPortSize) is not { } rings)
        {
            return invalid;
        }

        pump._page = page;
        pump._tap = tap.Tap;
        pump._rings = rings;
        rings.SetUp(true);
        return 0;
    }

    /// <summary>Moves what is there, up to a limit.</summary>
    /// <returns>Whether there was anything.</returns>
    public readonly bool Work()
    {
        int given = 0;
        for (; given < FramesMax && _rings.TryPeek(out byte* frame, out int length); given++)
        {
            if (frame == null)
            {
                _page->Invalid++;
            }
            else if (Libc.WriteFrame(_tap, frame, (nuint)length) == length)
            {
                _page->ToLinux++;
            }
            else
            {
                _page->ToLinuxDropped++; // Linux has no memory, or somebody has switched the device off
            }

            _rings.Consume();
        }

        return given > 0;
    }

    /// <summary>Asks the service for notifications, or takes that back.</summary>
    public readonly void Arm(bool armed) => _rings.Arm(armed, wantsRoom: false);
}
