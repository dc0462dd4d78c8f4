using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Runtime.InteropServices;
using System.Text;
using Sos.Cores.Native;
using Sos.Linux;

namespace Sos.Cores.Carrying;

/// <summary>Multicast addresses of Ethernet that somebody has set by hand ("static" of ip-maddress(8)). A thing is an address.</summary>
internal sealed unsafe class LinkGroups : ICarriedKind
{
    private const nuint AddMulticast = 0x8931; // SIOCADDMULTI
    private const int NameSize = 16; // IFNAMSIZ

    /// <inheritdoc/>
    public string Name => "link groups";

    /// <inheritdoc/>
    /// <remarks>A line is a number, a name, how many use it, how many of these by hand, and the address.</remarks>
    public IReadOnlyList<byte[]> Read(CarriedDevice device)
        => [.. (LinuxFile.TryRead("/proc/thread-self/net/dev_mcast") ?? "").Split('\n')
            .Select(line => line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries))
            .Where(fields => fields.Length == 5 && fields[0] == device.Link.Index.ToString(CultureInfo.InvariantCulture) && fields[3] != "0")
            .Select(fields => Convert.FromHexString(fields[4]))];

    /// <inheritdoc/>
    public void Apply(CarriedDevice device, IReadOnlyList<byte[]> things)
    {
        if (things.Count == 0)
        {
            return;
        }

        // They are counted: one that is there must not be there twice.
        List<string> known = [.. Read(device).Select(address => Convert.ToHexString(address))];
        using FileDescriptor socket = FileDescriptor.Raise(
            NetworkCalls.Socket(NetworkCalls.FamilyInet, NetworkCalls.TypeDatagram | NetworkCalls.CloseOnExec, 0), "making a socket");
        foreach (byte[] address in things.Where(address => !known.Contains(Convert.ToHexString(address))))
        {
            Request request = default; // AF_UNSPEC is the family of the address
            Encoding.UTF8.GetBytes(device.Link.Name, new Span<byte>(request.Name, NameSize - 1));
            address.AsSpan(0, Math.Min(address.Length, Request.AddressMax)).CopyTo(new Span<byte>(request.Address, Request.AddressMax));
            int errno = socket.TryCall(AddMulticast, ref request);
            if (errno != 0)
            {
                device.Refuse($"the multicast address {Convert.ToHexString(address)}", errno);
            }
        }
    }

    /// <summary>struct ifreq with ifr_hwaddr.</summary>
    [StructLayout(LayoutKind.Sequential, Size = 40)]
    private struct Request
    {
        public const int AddressMax = 14;

        public fixed byte Name[NameSize];
        public ushort Family;
        public fixed byte Address[AddressMax];
    }
}
