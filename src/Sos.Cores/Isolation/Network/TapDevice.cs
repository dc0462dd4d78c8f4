using System;
using System.Runtime.InteropServices;
using System.Text;
using Sos.Cores.Loading;
using Sos.Cores.Native;
using Sos.Cores.Network;
using Sos.Linux;

namespace Sos.Cores.Isolation.Network;

/// <summary>The device through which frames come back from a service: a TAP device, which is gone as soon as no process has its descriptor.</summary>
internal static unsafe class TapDevice
{
    private const int NameSize = 16; // IFNAMSIZ
    private const short Flags = 0x0002 | 0x1000 | 0x4000; // IFF_TAP | IFF_NO_PI | IFF_VNET_HDR: whole frames, each behind a virtio header
    private const uint Mtu = 1500; // frames are not held against it
    private const uint QueueLength = 1; // what Linux would send there goes nowhere

    /// <summary>Makes one whose frames are received by a network device.</summary>
    /// <param name="way">How frames come back.</param>
    /// <exception cref="SosException">Linux refuses.</exception>
    public static FileDescriptor Make(FrameWay way)
    {
        int descriptor = Libc.Open("/dev/net/tun", Libc.OpenReadWrite | Libc.OpenCloseOnExec | Libc.OpenNonBlocking);
        FileDescriptor tap = FileDescriptor.Raise(descriptor, "opening /dev/net/tun ('modprobe tun' makes it)");
        try
        {
            InterfaceRequest tun = new() { Flags = Flags };
            Encoding.UTF8.GetBytes(way.Names.Back, new Span<byte>(tun.Name, NameSize - 1));
            int errno = tap.TryCall(NetworkCalls.TunSetInterface, ref tun);
            if (errno != 0)
            {
                throw Errno.ToException(
                    $"making the network device {way.Names.Back}", errno,
                    errno is Errno.Busy or Errno.Exists ? "Linux has one of that name already: rename it ('ip link set'), or end what made it" : null);
            }

            using FileDescriptor program = FramePrograms.Back(way.Names.Cpu, way.Device, way.Mark);
            IngressHook.Put(NetworkCalls.InterfaceIndex(way.Names.Back), program, way.Names.Cpu);
            NetworkLink.SwitchOn(way.Names.Back, Mtu, QueueLength);
            return tap;
        }
        catch
        {
            tap.Dispose();
            throw;
        }
    }

    /// <summary>struct ifreq.</summary>
    [StructLayout(LayoutKind.Sequential, Size = 40)]
    private struct InterfaceRequest
    {
        public fixed byte Name[NameSize];
        public short Flags;
    }
}
