using System;
using System.Runtime.InteropServices;
using System.Text;
using Sos.Cores.Devices;
using Sos.Cores.Loading;
using Sos.Cores.Native;

namespace Sos.Cores.Isolation.Network;

/// <summary>Linux's side of a host port: a TAP device, which is gone as soon as no process has its descriptor.</summary>
internal static unsafe class TapDevice
{
    private const int NameSize = 16; // IFNAMSIZ
    private const short Flags = 0x0002 | 0x1000; // IFF_TAP | IFF_NO_PI: whole frames, nothing before them

    /// <summary>Makes one.</summary>
    /// <param name="request">Name, MAC and MTU.</param>
    /// <param name="name">Its name.</param>
    /// <exception cref="SosException">Linux refuses.</exception>
    public static DriverHandle Make(PortRequest request, out string name)
    {
        byte[] wanted = Encoding.UTF8.GetBytes(request.Name);
        if (wanted.Length is 0 or >= NameSize)
        {
            throw new SosException(SosError.Usage, $"\"{request.Name}\" is no name for a network device: 1 to {NameSize - 1} bytes");
        }

        int descriptor = Libc.Open("/dev/net/tun", Libc.OpenReadWrite | Libc.OpenCloseOnExec | Libc.OpenNonBlocking);
        DriverHandle tap = RunnerProcess.Raise(descriptor, "opening /dev/net/tun ('modprobe tun' makes it)");
        try
        {
            InterfaceRequest tun = new() { Flags = Flags };
            wanted.CopyTo(new Span<byte>(tun.Name, NameSize));
            int errno = tap.TryCall(NetworkCalls.TunSetInterface, ref tun);
            if (errno != 0)
            {
                throw Errno.ToException(
                    $"making the host port {request.Name}", errno,
                    errno is Errno.Busy or Errno.Exists ? $"Linux has a network device {request.Name} already: give another name with --host-port" : null);
            }

            ReadOnlySpan<byte> made = new(tun.Name, NameSize);
            name = Encoding.UTF8.GetString(made[..made.IndexOf((byte)0)]);
            string mac = BitConverter.ToString(request.Mac).Replace('-', ':');
            IpCommand.Run("link", "set", "dev", name, "address", mac, "mtu", $"{request.Mtu}");
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
