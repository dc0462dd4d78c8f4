using System;
using System.Diagnostics;
using System.Linq;
using System.Text.RegularExpressions;
using System.Threading;
using Sos.Cores.Network;
using Xunit;

namespace Sos.Cores.Tests.Carrying;

/// <summary>
/// A host in a network namespace of its own, with a cable in the place of its card: when that is drawn, Linux forgets all that it knew of eth0, as it does
/// when a driver lets go of a card; the next one is another device, with another number.
/// </summary>
internal sealed partial class CarriedHost : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly string _name = $"sosc-{Guid.NewGuid():N}"[..14];

    public CarriedHost()
    {
        Run($"ip netns add {_name}");
        Shell(
            """
            ip link set lo up
            ip link add other0 type veth peer name far1
            sysctl -qw net.ipv6.conf.far1.disable_ipv6=1 net.ipv6.conf.other0.accept_dad=0
            ip link set other0 up
            ip link set far1 up
            ip address add 198.51.100.1/24 dev other0
            """);
        PlugIn();
    }

    /// <summary>The file by which the namespace is known.</summary>
    public string Place => $"/run/netns/{_name}";

    /// <summary>Runs a script in the namespace; it must succeed.</summary>
    public string Shell(string script)
    {
        // Not by 'ip netns exec', whose /sys knows other devices only.
        using Process process = Process.Start(new ProcessStartInfo("nsenter", [$"--net=/run/netns/{_name}", "bash", "-ec", script])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        var error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, $"{script}\n{output}{error.Result}");
        return output;
    }

    /// <summary>Starts a program in the namespace; the caller ends it.</summary>
    public Process Start(string program, params string[] arguments)
        => Process.Start(new ProcessStartInfo("nsenter", [$"--net=/run/netns/{_name}", program, .. arguments]) { RedirectStandardInput = true })!;

    /// <summary>Does something with this thread in the namespace.</summary>
    public T Inside<T>(Func<T> work)
    {
        using NetworkNamespace entered = NetworkNamespace.EnterNamed($"/run/netns/{_name}");
        return work();
    }

    /// <summary>A device eth0 that knows nothing.</summary>
    public void PlugIn() => Shell(
        """
        ip link add eth0 address 02:00:00:00:00:05 type veth peer name far0
        sysctl -qw net.ipv6.conf.far0.disable_ipv6=1
        ip link set far0 up
        """);

    public void PullOut() => Shell("ip link delete eth0");

    /// <summary>All that Linux's own tools say of the device, without counts and the time that something has left.</summary>
    public string[] Snapshot()
    {
        AwaitSettled();
        return [.. Changing().Replace(
            Shell(
                """
                ip -d -j link show dev eth0
                ip -d -j address show dev eth0
                ip -d -o route show table all | grep -v far | sort
                ip -d -o -6 route show table all | grep -v far | sort
                ip -d nexthop show
                ip -j rule show; ip -6 -j rule show
                { ip neigh show nud permanent dev eth0; ip neigh show proxy dev eth0; ip -6 neigh show proxy dev eth0; } | sort
                ip maddress show dev eth0 | sort
                grep -r . /proc/sys/net/{ipv4,ipv6}/{conf,neigh}/eth0 2>/dev/null | sort || true
                tc -d qdisc show dev eth0; tc class show dev eth0
                for side in '' ingress egress; do tc filter show dev eth0 $side 2>/dev/null || true; done
                bridge fdb show dev eth0 | grep -v self | sort || true
                bridge mdb show | grep eth0 || true
                for above in $(ip -br link | grep -o '^above[0-9]'); do
                    ip -d -j link show dev $above; ip -d -j address show dev $above; ip neigh show nud permanent dev $above
                    grep -r . /proc/sys/net/{ipv4,ipv6}/{conf,neigh}/$above 2>/dev/null | sort || true
                done
                ethtool -k eth0; ethtool -l eth0 2>&1 || true
                nft list ruleset
                """),
            "").Split('\n').Select(line => line.Trim())];
    }

    /// <summary>Waits until Linux has done what it does by itself, and later: links come up, addresses are nobody else's, and then get their routes.</summary>
    private void AwaitSettled()
    {
        // The second question is answered once Linux has done all that follows from a link's new state.
        Await(
            () => Shell("ip -o link show | grep LOWER_UP | grep -E 'state (LOWERLAYER)?DOWN' || ip link show dev lo > /dev/null").Length == 0,
            "a link stays down that has a carrier");
        Await(() => Shell("ip -6 -br address show tentative").Length == 0, "an address stays tentative");
        Await(
            () => Shell(
                """
                up=$(ip -o link show | grep LOWER_UP | cut -d ' ' -f 2 | sed 's/[@:].*//')
                routes=$(ip -6 route show table all)
                ip -6 -o address show | grep -v dadfailed | while read -r _ device _ address _; do
                    grep -qx "$device" <<< "$up" || continue
                    grep -q "^local ${address%/*} dev $device " <<< "$routes" || echo "$address"
                done
                """).Length == 0,
            "an address has no route of its own");
    }

    public static void Await(Func<bool> condition, string otherwise)
    {
        for (Stopwatch waited = Stopwatch.StartNew(); !condition(); Thread.Sleep(10))
        {
            Assert.True(waited.Elapsed < Patience, otherwise);
        }
    }

    public void Dispose() => Run($"ip netns delete {_name}");

    /// <summary>Runs a command outside of the namespace; it must succeed.</summary>
    public static void Run(string command)
    {
        using Process process = Process.Start("bash", ["-c", command]);
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
    }

    // "linkinfo" of a cable names its other end's number; marks of hooks and routes of the other end are not this device's.
    [GeneratedRegex("\"(valid_life_time|preferred_life_time)\": ?\\d+,?|expires \\d+sec|(valid_lft|preferred_lft) \\d+sec|direct_packets_stat \\d+|"
        + "(rule hit|success) \\d+|\\(rule hit.*\\)|\"link_netnsid\":\\d+,?|linkdown|refcnt \\d+|\"[a-z_]+_timer\":\\s*[0-9.]+,?")]
    private static partial Regex Changing();
}
