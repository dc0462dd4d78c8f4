using System;
using System.IO;
using System.Runtime.InteropServices;
using System.Text;
using Sos.Linux;

namespace Sos.Traffic.Wire;

/// <summary>The other end of the wire: a tap device in the namespace this process runs in, where the good clients live.</summary>
internal sealed unsafe class TapPort : IDisposable
{
    private const int NameMax = 15;
    private readonly string _dropped;

    /// <summary>Opens a tap device that exists.</summary>
    /// <exception cref="WireException">There is no such device, or it is in use.</exception>
    public TapPort(string name)
    {
        _dropped = $"/sys/class/net/{name}/statistics/tx_dropped";
        Descriptor = Libc.Open("/dev/net/tun", Libc.OpenReadWrite | Libc.OpenNonBlocking);
        NetworkCalls.InterfaceRequest request = default;
        Encoding.ASCII.GetBytes(name.AsSpan(0, Math.Min(name.Length, NameMax)), new Span<byte>(request.Name, 16));
        request.Flags = NetworkCalls.TapWithoutInformation;
        if (Descriptor < 0 || Libc.Ioctl(Descriptor, NetworkCalls.TunSetInterface, &request) < 0)
        {
            throw new WireException($"tap device {name}: error {Marshal.GetLastPInvokeError()}");
        }
    }

    /// <summary>To be polled.</summary>
    public int Descriptor { get; }

    /// <summary>Frames that the kernel lost because this process did not read in time.</summary>
    public long Dropped => long.Parse(File.ReadAllText(_dropped).Trim());

    /// <summary>The next frame from the namespace.</summary>
    /// <returns>Its length, or 0 if there is none.</returns>
    public int TryRead(byte* buffer, int capacity) => (int)Math.Max(0, ProcessCalls.Read(Descriptor, buffer, (nuint)capacity));

    /// <summary>Hands a frame to the namespace.</summary>
    /// <returns>Whether the kernel took it.</returns>
    public bool TryWrite(byte* frame, int length) => ProcessCalls.Write(Descriptor, frame, (nuint)length) == length;

    /// <inheritdoc/>
    public void Dispose() => _ = Libc.Close(Descriptor);
}
