using System.Collections.Concurrent;
using System.Threading;
using Sos.Sdk.Ports.VirtioNet;

namespace Sos.Sdk.Tests.Ports.VirtioNet;

/// <summary>Register access that asks a device model. It holds the model's number, since a port keeps no managed reference.</summary>
internal readonly unsafe struct ModelMmio : IMmio
{
    private static readonly ConcurrentDictionary<int, VirtioNetDeviceModel> Models = new();
    private static int _last;

    private readonly int _number;

    private ModelMmio(int number) => _number = number;

    private VirtioNetDeviceModel Model => Models[_number];

    public static ModelMmio Register(VirtioNetDeviceModel model)
    {
        int number = Interlocked.Increment(ref _last);
        Models[number] = model;
        return new ModelMmio(number);
    }

    public void Forget() => Models.TryRemove(_number, out _);

    public byte Read8(byte* address) => (byte)Model.Read(address, 1);

    public ushort Read16(byte* address) => (ushort)Model.Read(address, 2);

    public uint Read32(byte* address) => Model.Read(address, 4);

    public void Write8(byte* address, byte value) => Model.Write(address, 1, value);

    public void Write16(byte* address, ushort value) => Model.Write(address, 2, value);

    public void Write32(byte* address, uint value) => Model.Write(address, 4, value);
}
