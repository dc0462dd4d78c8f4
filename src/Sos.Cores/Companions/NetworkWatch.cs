using System;
using System.Diagnostics;
using System.Runtime.InteropServices;
using Sos.Cores.Native;
using Sos.Cores.Network;
using Sos.Linux;

namespace Sos.Cores.Companions;

/// <summary>
/// Waits for changes of the packet filter, interfaces, addresses and rules of routing in this process's network namespace: netlink's multicast
/// groups. What they say is not read, since whoever asks builds everything anew.
/// </summary>
/// <param name="refresh">How long nothing may happen until that counts as a change.</param>
public sealed unsafe class NetworkWatch(TimeSpan refresh) : ITableWatch
{
    private const int BufferSize = 64 << 10;

    // RTMGRP_LINK, RTMGRP_IPV4_IFADDR, RTMGRP_IPV4_RULE, RTMGRP_IPV6_IFADDR; the rules of IPv6 are group 19.
    private const uint RouteGroups = 0x1 | 0x10 | 0x80 | 0x100 | (1 << 18);
    private const uint FilterGroup = 1 << 6; // NFNLGRP_NFTABLES is group 7

    private readonly FileDescriptor _route = Open(NetlinkSocket.Route, RouteGroups);
    private readonly FileDescriptor _filter = Open(NetlinkSocket.Netfilter, FilterGroup);
    private readonly byte[] _buffer = new byte[BufferSize];
    private readonly Stopwatch _sinceChange = Stopwatch.StartNew();

    /// <inheritdoc/>
    public bool Wait(TimeSpan timeout)
    {
        Span<Libc.PollDescriptor> both =
        [
            new() { Descriptor = _route.Descriptor, Events = Libc.PollIn },
            new() { Descriptor = _filter.Descriptor, Events = Libc.PollIn },
        ];
        fixed (Libc.PollDescriptor* start = both)
        {
            _ = Libc.Poll(start, (nuint)both.Length, (int)timeout.TotalMilliseconds); // cut short by a signal: as if nothing had come
        }

        // Both, always: what one change set off must not look like another.
        bool changed = (Drain(_route) | Drain(_filter)) || _sinceChange.Elapsed >= refresh;
        if (changed)
        {
            _sinceChange.Restart();
        }

        return changed;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _route.Dispose();
        _filter.Dispose();
    }

    private static FileDescriptor Open(int protocol, uint groups)
    {
        FileDescriptor socket = FileDescriptor.Raise(
            NetworkCalls.Socket(NetworkCalls.FamilyNetlink, NetworkCalls.TypeRaw | NetworkCalls.CloseOnExec, protocol), "making a netlink socket");
        ReadOnlySpan<uint> address = [NetworkCalls.FamilyNetlink, 0, groups]; // struct sockaddr_nl
        fixed (uint* start = address)
        {
            if (NetworkCalls.Bind(socket.Descriptor, start, (uint)(address.Length * sizeof(uint))) < 0)
            {
                int errno = Marshal.GetLastPInvokeError();
                socket.Dispose();
                throw Errno.ToException("listening for changes of the network", errno, null);
            }
        }

        return socket;
    }

    /// <summary>Takes what has come. An error is lost events (ENOBUFS): a change as well.</summary>
    private bool Drain(FileDescriptor socket)
    {
        bool any = false;
        fixed (byte* start = _buffer)
        {
            while (true)
            {
                if (NetworkCalls.Receive(socket.Descriptor, start, BufferSize, NetworkCalls.DoNotWait) <= 0)
                {
                    return any || Marshal.GetLastPInvokeError() != Errno.TryAgain;
                }

                any = true;
            }
        }
    }
}
