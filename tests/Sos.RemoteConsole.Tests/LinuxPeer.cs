using System;
using System.Collections.Concurrent;
using System.Collections.Generic;
using System.ComponentModel;
using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Threading;
using Sos.Lab;
using Sos.RemoteConsole.Control;
using Xunit;

namespace Sos.RemoteConsole.Tests;

/// <summary>
/// A console whose card is a cable to a network namespace of Linux: a thread polls it and carries frames between it and a TAP device. Needs root, iproute2 and
/// /dev/net/tun.
/// </summary>
internal sealed class LinuxPeer : IDisposable
{
    public const string Address = "10.77.9.9";
    public const string Address6 = "fd00:77:9::9";
    public const string Password = "open sesame";

    private const string Device = "tapcons0";
    private const int OpenFlags = 2 | 0x800 | 0x80000; // O_RDWR | O_NONBLOCK | O_CLOEXEC
    private const ulong SetInterface = 0x400454ca; // TUNSETIFF
    private const short TapWithoutHeader = 0x1002; // IFF_TAP | IFF_NO_PI
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(120);

    private readonly string _namespace = RunId.Next();
    private readonly ITestConsole _console;
    private readonly ConcurrentQueue<byte[]> _injected = new();
    private readonly Random _random = new(1);
    private readonly Thread _pump;
    private readonly int _tap;
    private volatile bool _isOver;

    /// <summary>Starts a console with a peer.</summary>
    /// <param name="parameters">More lines of its parameters.</param>
    /// <param name="make">Makes the console of its parameters; by default a class of ordinary .NET.</param>
    public LinuxPeer(string parameters = "", Func<string, ITestConsole>? make = null)
    {
        RunId.RemoveStale();
        string hash = PasswordFile.Hash(Password, iterations: 100);
        string all = $"""
            address=00000000000000000000ffff0a4d0909/128
            address6=fd000077000900000000000000000009/128
            seed=000102030405060708090a0b0c0d0e0f
            telnet-password={hash}
            {parameters}

            """;
        _console = make is null ? new HarnessConsole(all) : make(all);
        Shell($"ip netns add {_namespace}");
        string outside = RunId.NextDevice();
        _tap = OpenTap(outside);
        Shell(
            $"ip link set {outside} netns {_namespace} name {Device} && cd / && ip -n {_namespace} addr add 10.77.9.1/24 dev {Device}"
            + $" && ip -n {_namespace} addr add fd00:77:9::1/64 dev {Device} nodad && ip -n {_namespace} link set {Device} up");
        _pump = new Thread(Pump) { IsBackground = true };
        _pump.Start();
    }

    /// <summary>Frames in a hundred that are lost in each direction.</summary>
    public int LossPercent { get; set; }

    /// <summary>Reads a counter of the service.</summary>
    public ulong Counter(string name) => _console.Counter(name);

    /// <summary>Asks the service to stop.</summary>
    public void StopConsole() => _console.Stop();

    /// <summary>Lets a frame arrive at the card.</summary>
    public void Inject(byte[] frame) => _injected.Enqueue(frame);

    /// <summary>Frames that were injected and have not arrived yet.</summary>
    public int InjectedCount => _injected.Count;

    /// <summary>Runs a shell command at the peer.</summary>
    public (int ExitCode, string Output) AtPeer(string command) => Run("ip", ["netns", "exec", _namespace, "bash", "-c", command]);

    /// <summary>Talks to a port, by Linux's TCP: sends text, and returns what came until the console ended the connection.</summary>
    public string Talk(string text, string address = Address, int port = 23)
    {
        string script = $"exec 3<>/dev/tcp/{address}/{port} && printf '%b' '{text}' >&3 && timeout 100 cat <&3";
        return AtPeer(script).Output;
    }

    /// <summary>Waits until Linux reaches the console.</summary>
    public void AwaitPing(string address = Address)
    {
        for (Stopwatch waited = Stopwatch.StartNew(); AtPeer($"ping -c 1 -W 1 {address}").ExitCode != 0;)
        {
            Assert.True(waited.Elapsed < Deadline, $"{address} does not answer");
        }
    }

    public void Dispose()
    {
        _isOver = true;
        _pump.Join();
        _ = close(_tap);
        _ = Run("ip", ["netns", "del", _namespace]);
        _console.Dispose();
    }

    private void Pump()
    {
        byte[] buffer = new byte[4096];
        while (!_isOver)
        {
            bool isIdle = true;
            for (int i = 0; i < 32; i++)
            {
                int length = (int)read(_tap, buffer, (nuint)buffer.Length);
                if (length <= 0)
                {
                    break;
                }

                isIdle = false;
                if (length <= 1514 && !IsLost())
                {
                    _console.Send(buffer.AsSpan(0, length));
                }
            }

            for (int i = 0; i < 32 && _injected.TryDequeue(out byte[]? frame); i++)
            {
                isIdle = false;
                _console.Send(frame);
            }

            foreach (byte[] frame in _console.Receive())
            {
                isIdle = false;
                if (!IsLost())
                {
                    _ = write(_tap, frame, (nuint)frame.Length);
                }
            }

            if (isIdle)
            {
                Thread.Yield();
            }
        }
    }

    private bool IsLost() => LossPercent != 0 && _random.Next(100) < LossPercent;

    private static void Shell(string command)
    {
        (int exitCode, string output) = Run("bash", ["-c", command]);
        Assert.True(exitCode == 0, output);
    }

    private static (int ExitCode, string Output) Run(string program, IEnumerable<string> arguments)
    {
        ProcessStartInfo start = new(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
        start.StandardOutputEncoding = System.Text.Encoding.Latin1;
        using Process process = Process.Start(start)!;
        process.StandardInput.Close();
        System.Threading.Tasks.Task<string> error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output + error.Result);
    }

    private static int OpenTap(string name)
    {
        int tap = open("/dev/net/tun", OpenFlags);
        byte[] request = new byte[40];
        System.Text.Encoding.ASCII.GetBytes(name).CopyTo(request, 0);
        BitConverter.TryWriteBytes(request.AsSpan(16), TapWithoutHeader);
        return tap >= 0 && ioctl(tap, SetInterface, request) == 0 ? tap : throw new Win32Exception();
    }

    [DllImport("libc", SetLastError = true)]
    private static extern int open(string path, int flags);

    [DllImport("libc", SetLastError = true)]
    private static extern int ioctl(int descriptor, ulong request, byte[] argument);

    [DllImport("libc", SetLastError = true)]
    private static extern nint read(int descriptor, byte[] buffer, nuint count);

    [DllImport("libc", SetLastError = true)]
    private static extern nint write(int descriptor, byte[] buffer, nuint count);

    [DllImport("libc")]
    private static extern int close(int descriptor);
}
