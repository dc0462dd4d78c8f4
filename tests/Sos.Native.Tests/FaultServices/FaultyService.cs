using System;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Threading;
using Sos.Sdk.Control;
using Sos.Sdk.Memory;
using Sos.Sdk.Services;

namespace FaultServices;

/// <summary>
/// Fails as the parameter "fault" says (<see cref="FaultKind"/>), "delay" milliseconds
/// and "after_polls" polls after its first. All of it passes the verifier:
/// what C# cannot say, such as a privileged instruction, is reached as an attacker would, by overwriting a return address.
/// </summary>
public unsafe struct FaultyService : IService
{
    /// <summary>The part of the image that is searched for gadgets; it is larger than the image's code.</summary>
    private const ulong CodeStart = 0x1_0000_1000;

    /// <summary>Every constant below ends so: it is unlikely to be found anywhere else.</summary>
    private const ulong Marker = 0x5a17_3c9e_0000_0000;

    private ulong _fault;
    private ulong _address;
    private ulong _left;
    private ulong _delayTicks;
    private ulong _start;
    private ulong _gadget;
    private ulong _sink;

    /// <inheritdoc/>
    public long Initialize(ref ServiceSetup setup)
    {
        _ = setup.Parameters.TryGetUInt64("after_polls"u8, out _left);
        // Zero where it is not given.
        setup.Parameters.TryGetUInt64("delay"u8, out ulong delayMs);
        _delayTicks = delayMs * setup.Clock.TscKhz;
        setup.Log.Write(LogSeverity.Notice, "milliseconds until it fails:"u8, delayMs);
        return setup.Parameters.TryGetUInt64("fault"u8, out _fault) && setup.Parameters.TryGetUInt64("address"u8, out _address) ? 0 : 1;
    }

    /// <inheritdoc/>
    public void Poll(ulong now)
    {
        if (_left > 0)
        {
            _left--;
            return;
        }

        _start = _start == 0 ? now : _start;
        if (now - _start >= _delayTicks)
        {
            Fail((FaultKind)_fault);
        }
    }

    private void Fail(FaultKind kind)
    {
        switch (kind)
        {
            case FaultKind.Write:
                WriteTo((ulong*)_address);
                break;
            case FaultKind.Bounds:
                Index((int)_address);
                break;
            case FaultKind.Assertion:
                Trap.Raise(TrapCode.ServiceDefined);
                break;
            case FaultKind.Hang:
                Spin();
                break;
            case FaultKind.Notify:
                Gate.Notify();
                break;
            case FaultKind.Act:
                Trap.Unless(Gate.Act(ServiceAction.Reset, (ulong)ResetMethod.Cf9) == ActionAnswer.NotGranted, TrapCode.ServiceDefined);
                Gate.Notify();
                break;
            case FaultKind.Read:
                _sink = ReadFrom((ulong*)_address);
                break;
            case FaultKind.WriteCode:
                WriteTo((ulong*)CodeStart);
                break;
            case FaultKind.ExecuteData:
                ReturnTo((ulong)Unsafe.AsPointer(ref this));
                break;
            case FaultKind.StackOverflow:
                ReturnTo(Find(CallsItself()));
                break;
            case FaultKind.Divide:
                _sink = Divide((int)_address, (int)_sink);
                break;
            case FaultKind.InvalidOpcode:
                ReturnTo(Find(UndefinedInstruction()));
                break;
            case FaultKind.Privileged:
                ReturnTo(Find(HaltInstruction()));
                break;
            case FaultKind.Misaligned:
                StoreMisaligned((byte*)Unsafe.AsPointer(ref this) + 1);
                break;
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void WriteTo(ulong* address) => *address = 1;

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static ulong ReadFrom(ulong* address) => *address;

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Index(int index)
    {
        Span<byte> bytes = stackalloc byte[8];
        bytes[index] = 1;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static ulong Divide(int dividend, int divisor) => (ulong)(dividend / divisor);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void StoreMisaligned(byte* address) => Vector128.StoreAligned(Vector128<byte>.Zero, address);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Spin()
    {
        while (_fault == (ulong)FaultKind.Hang)
        {
            Volatile.Write(ref _address, _address + 1);
        }
    }

    // Constants that are instructions when jumped into, as bytes from the lowest on: e8 fb ff ff ff is a call of itself, 0f 0b ud2, f4 hlt.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static ulong CallsItself() => 0x5a17_3cff_ffff_fbe8;

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static ulong UndefinedInstruction() => Marker | 0x0b0f;

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static ulong HaltInstruction() => Marker | 0x00f4;

    /// <summary>Where in the code a constant stands; the service can read its code.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private ulong Find(ulong constant)
    {
        _gadget = CodeStart;
        while (ReadUnaligned((byte*)_gadget) != constant)
        {
            _gadget++;
        }

        return _gadget;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static ulong ReadUnaligned(byte* address) => Unsafe.ReadUnaligned<ulong>(address);

    /// <summary>Returns to <paramref name="address"/> instead of to its caller.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void ReturnTo(ulong address)
    {
        ulong local = 0;
        Overwrite(&local, address);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Overwrite(ulong* from, ulong value)
    {
        for (int word = 0; word < 6; word++)
        {
            from[word] = value;
        }
    }
}
