using System.Globalization;
using Sos.Cores.Native;

namespace Sos.Cores.Isolation.Network;

/// <summary>
/// The BPF programs around a network device that a service has: its frames go to the service's socket, what the service passes comes back into the same
/// device's receive path, and what the service sends leaves by it.
/// </summary>
internal static class FramePrograms
{
    // uapi/linux/bpf.h
    private const int MapLookup = 1; // BPF_FUNC_map_lookup_elem
    private const int Redirect = 23; // BPF_FUNC_redirect
    private const int RedirectMap = 51; // BPF_FUNC_redirect_map
    private const int XdpDrop = 1; // XDP_DROP
    private const int XdpPass = 2; // XDP_PASS
    private const int Next = -1; // TC_ACT_UNSPEC, TCX_NEXT: whatever else is at that place has its turn
    private const int Drop = 2; // TC_ACT_SHOT
    private const int IntoIngress = 1; // BPF_F_INGRESS
    private const int Loopback = 5; // PACKET_LOOPBACK
    private const short PacketTypeOffset = 4; // offsetof(struct __sk_buff, pkt_type)
    private const short MarkOffset = 8; // offsetof(struct __sk_buff, mark)

    /// <summary>
    /// Gives every frame to the socket, before the network stack. Linux drops a frame of another queue than the socket's: it does not pass by the service.
    /// </summary>
    /// <param name="cpu">The core of the service.</param>
    /// <param name="sockets">The socket, of queue 0.</param>
    /// <param name="open">Whether frames pass to Linux where there is no socket; else they are dropped.</param>
    public static FileDescriptor ToSocket(int cpu, FileDescriptor sockets, bool open) => Load(BpfProgramKind.Xdp, cpu, "xsk", new BpfCode()
        .Set(2, 0)
        .SetMap(1, sockets)
        .Set(3, open ? XdpPass : XdpDrop)
        .Call(RedirectMap)
        .Exit());

    /// <summary>Lets every frame pass: whether a driver runs XDP programs at all shows when it is given this one.</summary>
    /// <param name="cpu">The core of the service.</param>
    public static FileDescriptor Pass(int cpu) => Load(BpfProgramKind.Xdp, cpu, "pass", new BpfCode().Set(0, XdpPass).Exit());

    /// <summary>
    /// Takes what a device has received out of the network stack, and sends it through another one, which puts the tag into the frame, completes checksums and
    /// cuts segments. What comes back has a mark, which nobody can guess, and goes on without it. So does what Linux has sent to a group and hears itself: that
    /// comes from no wire, and has no Ethernet header by which it could be sent through another device.
    /// </summary>
    /// <param name="cpu">The core of the service.</param>
    /// <param name="sockets">The service's socket: as long as there is one, frames are taken.</param>
    /// <param name="through">Index of the device to send through.</param>
    /// <param name="mark">The mark.</param>
    /// <param name="open">Whether frames go on to Linux where there is no socket; else they are dropped.</param>
    public static FileDescriptor Take(int cpu, FileDescriptor sockets, uint through, int mark, bool open) => Load(
        BpfProgramKind.Ingress, cpu, "take", new BpfCode()
        .Move(6, 1)
        .Load(1, 6, MarkOffset)
        .If(1, mark, new BpfCode().Set(1, 0).Store(6, MarkOffset, 1).Set(0, Next).Exit())
        .Load(1, 6, PacketTypeOffset)
        .If(1, Loopback, new BpfCode().Set(0, Next).Exit())
        .Set(1, 0)
        .Store(10, -4, 1)
        .Move(2, 10)
        .Increase(2, -4)
        .SetMap(1, sockets)
        .Call(MapLookup)
        .If(0, 0, new BpfCode().Set(0, open ? Next : Drop).Exit())
        .Set(1, (int)through)
        .Set(2, 0)
        .Call(Redirect)
        .Exit());

    /// <summary>Puts what a service has passed into a device's receive path.</summary>
    /// <param name="cpu">The core of the service.</param>
    /// <param name="device">Index of the device.</param>
    /// <param name="mark">The mark that <see cref="Take"/> knows; 0 for none.</param>
    public static FileDescriptor Back(int cpu, uint device, int mark) => Load(BpfProgramKind.Ingress, cpu, "back", new BpfCode()
        .Set(2, mark)
        .Store(1, MarkOffset, 2)
        .Set(1, (int)device)
        .Set(2, IntoIngress)
        .Call(Redirect)
        .Exit());

    /// <summary>
    /// Sends what a service sends out of a device, by the queues that Linux has there: its socket gives each frame a mark. What anybody else sends into the
    /// devices between, a DHCP client that takes them for cards for one, goes nowhere.
    /// </summary>
    /// <param name="cpu">The core of the service.</param>
    /// <param name="device">Index of the device.</param>
    /// <param name="mark">The mark of the service's socket.</param>
    public static FileDescriptor Out(int cpu, uint device, int mark) => Load(BpfProgramKind.Ingress, cpu, "out", new BpfCode()
        .Load(2, 1, MarkOffset)
        .If(2, mark, new BpfCode()
            .Set(2, 0)
            .Store(1, MarkOffset, 2)
            .Set(1, (int)device)
            .Call(Redirect)
            .Exit())
        .Set(0, Drop)
        .Exit());

    private static FileDescriptor Load(BpfProgramKind kind, int cpu, string name, BpfCode code)
        => BpfObject.Load(kind, string.Create(CultureInfo.InvariantCulture, $"{cpu}_{name}"), code);
}
