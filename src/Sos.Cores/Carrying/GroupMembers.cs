using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Net;
using Sos.Cores.Native;
using Sos.Linux;

namespace Sos.Cores.Carrying;

/// <summary>
/// Multicast groups that programs have joined on a device. Their sockets still say so, by the device's number, but the device's end took the membership away:
/// each leaves and joins again. A thing is the address of a group.
/// </summary>
internal sealed unsafe class GroupMembers : ICarriedKind
{
    private const int Internet = 2; // AF_INET
    private const int InternetSix = 10; // AF_INET6
    private const int LevelFour = 0; // IPPROTO_IP
    private const int LevelSix = 41; // IPPROTO_IPV6
    private const int Join = 42; // MCAST_JOIN_GROUP
    private const int Leave = 45; // MCAST_LEAVE_GROUP
    private const int Filter = 48; // MCAST_MSFILTER
    private const int GroupOffset = 8; // in struct group_req and struct group_filter, behind the device's number
    private const int AddressSize = 128; // struct sockaddr_storage
    private const int RequestSize = GroupOffset + AddressSize;
    private const int SourcesMax = 64; // net.ipv4.igmp_max_msf is 10 unless somebody changed it
    private const int SourcesOffset = RequestSize + 8; // behind the filter's mode and how many sources there are
    private const uint Exclude = 0; // MCAST_EXCLUDE: all sources but these

    /// <inheritdoc/>
    public string Name => "groups";

    /// <inheritdoc/>
    public IReadOnlyList<byte[]> Read(CarriedDevice device) => [.. ReadFour(device), .. ReadSix(device)];

    /// <inheritdoc/>
    public void Apply(CarriedDevice device, IReadOnlyList<byte[]> things)
    {
        List<byte[]> missing = device.WasUp ? Missing(device, things) : [];
        foreach (ProgramSocket socket in missing.Count > 0 ? ProgramSocket.All() : [])
        {
            if (socket.Family is Internet or InternetSix)
            {
                missing.ForEach(group => JoinAgain(socket.Handle, group, device.Link.Index));
            }
        }

        foreach (byte[] left in Missing(device, missing))
        {
            device.Problems.Add($"the multicast group {new IPAddress(left)} is not on {device.Link.Name}: whoever joined it must do so again");
        }
    }

    private List<byte[]> Missing(CarriedDevice device, IReadOnlyList<byte[]> groups)
    {
        HashSet<string> there = [.. Read(device).Select(group => Convert.ToHexString(group))];
        return [.. groups.Where(group => !there.Contains(Convert.ToHexString(group)))];
    }

    // A line for each device that begins with its number, and one for each of its groups that begins with the address, as this machine's number.
    private static IEnumerable<byte[]> ReadFour(CarriedDevice device)
    {
        const string all = "010000E0"; // 224.0.0.1, in which every device is
        bool isOurs = false;
        foreach (string line in (LinuxFile.TryRead("/proc/thread-self/net/igmp") ?? "").Split('\n').Skip(1))
        {
            string first = line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries).FirstOrDefault("");
            if (!line.StartsWith('\t'))
            {
                isOurs = first == device.Link.Index.ToString(CultureInfo.InvariantCulture);
            }
            else if (isOurs && first != all)
            {
                byte[] address = new byte[sizeof(uint)];
                BinaryPrimitives.WriteUInt32LittleEndian(address, uint.Parse(first, NumberStyles.HexNumber, CultureInfo.InvariantCulture));
                yield return address;
            }
        }
    }

    // Number, name, address, users, flags, timer.
    private static IEnumerable<byte[]> ReadSix(CarriedDevice device)
        => (LinuxFile.TryRead("/proc/thread-self/net/igmp6") ?? "").Split('\n')
            .Select(line => line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries))
            .Where(fields => fields.Length > 3 && fields[0] == device.Link.Index.ToString(CultureInfo.InvariantCulture))
            .Select(fields => Convert.FromHexString(fields[2]))
            .Where(address => !IsLinuxOwn(new IPAddress(address).ToString()));

    /// <summary>Those of all nodes, all routers, all snoopers, and of an address that is asked for, Linux joins by itself.</summary>
    private static bool IsLinuxOwn(string group)
        => group is "ff01::1" or "ff01::2" or "ff02::1" or "ff02::2" or "ff05::2" or "ff02::6a"
            || group.StartsWith("ff02::1:ff", StringComparison.Ordinal);

    private static void JoinAgain(FileDescriptor socket, byte[] group, uint index)
    {
        int level = group.Length == sizeof(uint) ? LevelFour : LevelSix;
        byte[] filter = new byte[SourcesOffset + (SourcesMax * AddressSize)];
        BinaryPrimitives.WriteUInt32LittleEndian(filter, index);
        BinaryPrimitives.WriteUInt16LittleEndian(filter.AsSpan(GroupOffset), (ushort)(level == LevelFour ? Internet : InternetSix));
        group.CopyTo(filter.AsSpan(GroupOffset + (level == LevelFour ? 4 : 8))); // sin_addr, sin6_addr
        BinaryPrimitives.WriteUInt32LittleEndian(filter.AsSpan(RequestSize + 4), SourcesMax);
        uint size = (uint)filter.Length;
        fixed (byte* start = filter)
        {
            if (NetworkCalls.GetOption(socket.Descriptor, level, Filter, start, &size) != 0)
            {
                return; // It is not in this group on that device.
            }

            uint mode = BinaryPrimitives.ReadUInt32LittleEndian(filter.AsSpan(RequestSize));
            uint sources = BinaryPrimitives.ReadUInt32LittleEndian(filter.AsSpan(RequestSize + 4));
            _ = NetworkCalls.SetOption(socket.Descriptor, level, Leave, start, RequestSize);
            _ = NetworkCalls.SetOption(socket.Descriptor, level, Join, start, RequestSize);
            if ((mode != Exclude || sources > 0) && sources <= SourcesMax)
            {
                _ = NetworkCalls.SetOption(socket.Descriptor, level, Filter, start, (uint)(SourcesOffset + (sources * AddressSize)));
            }
        }
    }
}
