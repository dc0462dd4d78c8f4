using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.RegularExpressions;
using System.Threading;
using Sos.Lab;

namespace Sos.Firewall.Tests;

/// <summary>
/// A network namespace with one tap device, in which Linux's own nftables judges frames. Needs root, iproute2, nftables and
/// /dev/net/tun, and says so if one is missing.
/// </summary>
internal sealed class KernelNamespace : IDisposable
{
    public const string Device = "tapnic0";
    private const string Observer = "sos_observer";
    private const int OpenReadWrite = 2 | 0x800 | 0x80000; // O_RDWR | O_NONBLOCK | O_CLOEXEC
    private const int NetworkNamespace = 0x4000_0000; // CLONE_NEWNET
    private const ulong SetInterface = 0x400454ca; // TUNSETIFF
    private const short TapWithoutHeader = 0x1002; // IFF_TAP | IFF_NO_PI

    private static readonly Regex DeviceNames = new("""\b[io]if ["{]* *"?([a-z][\w.-]*)""");

    private readonly string _name = RunId.Next();
    private readonly int _tap;

    /// <summary>Makes the namespace.</summary>
    /// <param name="device">The tap device's name there.</param>
    public KernelNamespace(string device = Device)
    {
        // A test host that is killed disposes of nothing: the next one does.
        RunId.RemoveStale();
        string outside = RunId.NextDevice();
        Run("ip", "netns", "add", _name);
        try
        {
            _tap = OpenTap(outside);
            Run("ip", "link", "set", outside, "netns", _name, "name", device);

            // Linux asks for routers by itself, seconds after a device is up: a packet that no test has sent.
            Configure($"net.ipv6.conf.{device}.router_solicitations=0");
            Run("ip", "-n", _name, "link", "set", device, "address", "02:00:00:00:00:01", "arp", "off", "up");
            Run("ip", "-n", _name, "link", "set", "lo", "up");
            Run("ip", "-n", _name, "addr", "add", "10.9.0.1/24", "dev", device);
            Run("ip", "-n", _name, "route", "add", "local", "10.9.0.0/24", "dev", "lo");
            Run("ip", "-n", _name, "route", "add", "default", "dev", device);
            Run("ip", "-n", _name, "addr", "add", "fd00:9::1/64", "dev", device, "nodad");
            Run("ip", "-n", _name, "route", "add", "local", "fd00:9::/64", "dev", "lo");
            Run("ip", "-n", _name, "-6", "route", "add", "default", "dev", device);
            string[] settings = ["net.ipv4.conf.all.rp_filter=0", $"net.ipv4.conf.{device}.rp_filter=0"];
            Configure(settings);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>
    /// Loads rules and an observer that notes which frames come to a hook, and which are left after all rules on another.
    /// </summary>
    public void Load(string rules, string lastHook, string firstHook = "prerouting")
    {
        string path = Path.GetTempFileName();
        File.WriteAllText(path, $$"""
            flush ruleset
            {{rules}}
            table inet {{Observer}} {
              set arrived4 { typeof ip id; size 65535; flags dynamic; }
              set arrived6 { typeof ip6 flowlabel; size 65535; flags dynamic; }
              set passed4 { typeof ip id; size 65535; flags dynamic; }
              set passed6 { typeof ip6 flowlabel; size 65535; flags dynamic; }
              chain first {
                type filter hook {{firstHook}} priority -1000;
                add @arrived4 { ip id }
                add @arrived6 { ip6 flowlabel }
              }
              chain last {
                type filter hook {{lastHook}} priority 1000;
                add @passed4 { ip id }
                add @passed6 { ip6 flowlabel }
              }
            }
            """);
        Run("ip", "netns", "exec", _name, "nft", "-f", path);
        File.Delete(path);
    }

    /// <summary>Changes settings of the network there.</summary>
    public void Configure(params string[] settings)
    {
        foreach (string setting in settings)
        {
            Run("ip", "netns", "exec", _name, "sysctl", "-q", "-w", setting);
        }
    }

    /// <summary>Reads a set of numbers that rules of the test's own have filled.</summary>
    public HashSet<int> ReadNumbers(string family, string table, string set) => [.. ReadElements(family, table, set)];

    /// <summary>Adds devices for the names that rules give those that packets arrive or leave by, so that nft takes them by their number.</summary>
    public void AddDevices(string rules)
    {
        foreach (string name in DeviceNames.Matches(rules).Select(match => match.Groups[1].Value).Where(name => name is not ("lo" or Device)).Distinct())
        {
            RunAny("ip", "-n", _name, "link", "add", name, "type", "dummy"); // It may be there.
        }
    }

    /// <summary>Does something on a thread that is in the namespace: the sockets that it makes stay there.</summary>
    public void Enter(Action work)
    {
        Exception? failure = null;
        Thread thread = new(() =>
        {
            try
            {
                int place = open($"/run/netns/{_name}", 0);
                if (setns(place, NetworkNamespace) != 0)
                {
                    throw new InvalidOperationException($"the namespace cannot be entered: errno {Marshal.GetLastPInvokeError()}");
                }

                _ = close(place);
                work();
            }
            catch (Exception e)
            {
                failure = e;
            }
        });
        thread.Start();
        thread.Join();
        if (failure is not null)
        {
            throw new InvalidOperationException("the work in the namespace failed", failure);
        }
    }

    /// <summary>Gives the tap device another Ethernet address.</summary>
    public void SetAddress(byte[] address)
    {
        IEnumerable<string> parts = address.Select(part => part.ToString("x2", CultureInfo.InvariantCulture));
        Run("ip", "-n", _name, "link", "set", Device, "address", string.Join(':', parts));
    }

    /// <summary>Lets a frame arrive.</summary>
    public void Inject(byte[] frame)
    {
        if (write(_tap, frame, (nuint)frame.Length) != frame.Length)
        {
            throw new InvalidOperationException($"the tap device refuses a frame: errno {Marshal.GetLastPInvokeError()}");
        }
    }

    /// <summary>Takes the frames that Linux has sent so far.</summary>
    public List<byte[]> TakeSent()
    {
        List<byte[]> frames = [];
        byte[] buffer = new byte[65536];
        while (true)
        {
            nint length = read(_tap, buffer, (nuint)buffer.Length);
            if (length <= 0)
            {
                return frames;
            }

            frames.Add(buffer[..(int)length]);
        }
    }

    /// <summary>Waits until as many frames arrived as should, at most two seconds, and returns the ones in each set.</summary>
    public (HashSet<(bool IsIpv4, int Id)> Arrived, HashSet<(bool IsIpv4, int Id)> Passed) Observe(int arriving)
    {
        for (int attempt = 0; ; attempt++)
        {
            HashSet<(bool, int)> arrived = [.. ReadSet("arrived4", true), .. ReadSet("arrived6", false)];
            if (arrived.Count >= arriving || attempt == 20)
            {
                return (arrived, [.. ReadSet("passed4", true), .. ReadSet("passed6", false)]);
            }

            Thread.Sleep(100);
        }
    }

    /// <summary>The packets of each counter, by the rule or the name it belongs to.</summary>
    public Dictionary<string, ulong> Counters()
    {
        Dictionary<string, ulong> counters = [];
        using JsonDocument listing = JsonDocument.Parse(Run("ip", "netns", "exec", _name, "nft", "-j", "list", "ruleset"));
        foreach (JsonElement item in listing.RootElement.GetProperty("nftables").EnumerateArray())
        {
            if (item.TryGetProperty("counter", out JsonElement named))
            {
                counters[$"table {Text(named, "family")} {Text(named, "table")}, counter {Text(named, "name")}"] = Packets(named);
            }
            else if (item.TryGetProperty("rule", out JsonElement rule))
            {
                string place = $"table {Text(rule, "family")} {Text(rule, "table")}, chain {Text(rule, "chain")}, "
                    + $"rule handle {rule.GetProperty("handle").GetInt64()}";
                foreach (JsonElement statement in rule.GetProperty("expr").EnumerateArray())
                {
                    if (statement.TryGetProperty("counter", out JsonElement own) && own.ValueKind == JsonValueKind.Object)
                    {
                        counters[place] = Packets(own);
                    }
                }
            }
        }

        return counters;
    }

    public void Dispose()
    {
        if (_tap > 0)
        {
            _ = close(_tap);
        }

        Run("ip", "netns", "del", _name);
    }

    private static string Text(JsonElement element, string name) => element.GetProperty(name).GetString()!;

    private static ulong Packets(JsonElement counter) => counter.GetProperty("packets").GetUInt64();

    private IEnumerable<(bool IsIpv4, int Id)> ReadSet(string set, bool isIpv4)
        => ReadElements("inet", Observer, set).Select(number => (isIpv4, number));

    private List<int> ReadElements(string family, string table, string set)
    {
        string text = Run("ip", "netns", "exec", _name, "nft", "-j", "list", "set", family, table, set);
        using JsonDocument listing = JsonDocument.Parse(text);
        JsonElement found = listing.RootElement.GetProperty("nftables").EnumerateArray().Last().GetProperty("set");
        return found.TryGetProperty("elem", out JsonElement elements)
            ? elements.EnumerateArray().Select(element => element.GetInt32()).ToList()
            : [];
    }

    private static int OpenTap(string name)
    {
        int descriptor = open("/dev/net/tun", OpenReadWrite);
        byte[] request = new byte[40]; // struct ifreq: a name of 16 bytes, then the flags
        System.Text.Encoding.ASCII.GetBytes(name, request);
        BitConverter.TryWriteBytes(request.AsSpan(16), TapWithoutHeader);
        if (descriptor < 0 || ioctl(descriptor, SetInterface, request) != 0)
        {
            throw new InvalidOperationException(
                $"cannot make a tap device (errno {Marshal.GetLastPInvokeError()}): run as root, with /dev/net/tun (module tun)");
        }

        return descriptor;
    }

    private static string Run(string program, params string[] arguments)
    {
        (int status, string answer, string errors) = RunAny(program, arguments);
        return status == 0
            ? answer
            : throw new InvalidOperationException(
                $"{program} {string.Join(' ', arguments)}: {errors} (the test needs root and the packages "
                    + "iproute2, nftables, procps)");
    }

    private static (int Status, string Answer, string Errors) RunAny(string program, params string[] arguments)
    {
        ProcessStartInfo start = new(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        using Process process = Process.Start(start)!;
        System.Threading.Tasks.Task<string> errors = process.StandardError.ReadToEndAsync();
        string answer = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, answer, errors.Result);
    }

    [DllImport("libc", SetLastError = true)]
    private static extern int open([MarshalAs(UnmanagedType.LPStr)] string path, int flags);

    [DllImport("libc", SetLastError = true)]
    private static extern int ioctl(int descriptor, ulong request, byte[] argument);

    [DllImport("libc", SetLastError = true)]
    private static extern nint write(int descriptor, byte[] bytes, nuint count);

    [DllImport("libc", SetLastError = true)]
    private static extern nint read(int descriptor, byte[] bytes, nuint count);

    [DllImport("libc", SetLastError = true)]
    private static extern int setns(int descriptor, int kind);

    [DllImport("libc", SetLastError = true)]
    private static extern int close(int descriptor);
}
