using System;
using System.Collections.Generic;
using Sos.Sdk.Control;
using Sos.Sdk.Ports.VirtioNet;

namespace Sos.Sdk.Tests.Ports.VirtioNet;

/// <summary>
/// The other side of a virtio-net port: a card that lives in memory (virtio 1.2, 4.1 and 5.1). It checks what the driver does, and
/// each setting makes it misbehave in one way.
/// </summary>
internal sealed unsafe class VirtioNetDeviceModel : IDisposable
{
    public const VirtioNetFeatures EverythingOffered = (VirtioNetFeatures)ulong.MaxValue & ~VirtioNetFeatures.EventIndex;

    private const uint NotifyMultiplier = 4;
    private const ushort NothingNotified = 0xffff;
    private const int RegisterBytes = 4096;
    private const int CommonStart = 0;
    private const int DeviceStart = 1024;
    private const int NotifyStart = 2048;
    private const int StatusField = 20;
    private const int GenerationField = 21;

    private readonly PortBench _bench;
    private readonly byte* _registers;
    private uint _deviceFeatureSelect;
    private uint _driverFeatureSelect;
    private ushort _queueSelect;
    private ulong _accepted;
    private int _resetReadsLeft;

    public VirtioNetDeviceModel(PortBench bench)
    {
        _bench = bench;
        _registers = PortBench.Zeroed(RegisterBytes);
        ReceiveQueue = new DeviceQueueModel(bench, deviceWrites: true);
        TransmitQueue = new DeviceQueueModel(bench, deviceWrites: false);
        Mmio = ModelMmio.Register(this);
        SetLink(true);
        SetMtu(1500);
        byte[] mac = [0x52, 0x54, 0x00, 0x12, 0x34, 0x56];
        mac.CopyTo(new Span<byte>(_registers + DeviceStart, 6));
        Cell(0) = NothingNotified;
        Cell(1) = NothingNotified;
    }

    public ModelMmio Mmio { get; }

    public DeviceQueueModel ReceiveQueue { get; }

    public DeviceQueueModel TransmitQueue { get; }

    /// <summary>Every status that the driver wrote.</summary>
    public List<VirtioStatus> StatusWrites { get; } = [];

    /// <summary>Registers that were written and do not exist, or are not the driver's to write.</summary>
    public List<string> Offences { get; } = [];

    public VirtioNetFeatures Offered { get; set; } = EverythingOffered;

    public VirtioNetFeatures Accepted => (VirtioNetFeatures)_accepted;

    public ushort QueueCount { get; set; } = 3;

    public bool RefusesFeatures { get; set; }

    public bool IgnoresReset { get; set; }

    /// <summary>Reads of the status until a reset is done.</summary>
    public int ResetReads { get; set; }

    /// <summary>Resets that the driver asked for.</summary>
    public int Resets { get; private set; }

    public bool RefusesQueueEnable { get; set; }

    public bool KeepsQueueEnabledOverReset { get; set; }

    /// <summary>How often the configuration's generation moves while the driver reads its address.</summary>
    public int GenerationMoves { get; set; }

    public uint NotifyLength { get; set; } = 64;

    public uint DeviceLength { get; set; } = 64;

    public uint Iommu { get; set; }

    public VirtioStatus Status
    {
        get => (VirtioStatus)_registers[CommonStart + StatusField];
        set => _registers[CommonStart + StatusField] = (byte)value;
    }

    /// <summary>Whether a queue had been notified as DRIVER_OK arrived, which 2.1.1 forbids.</summary>
    public bool NotifiedBeforeDriverOk { get; private set; }

    public ushort ConfigMsixVector { get; private set; }

    public VirtioPciLayout Layout => new()
    {
        Magic = VirtioPciLayout.MagicValue,
        CommonAddress = (ulong)(_registers + CommonStart),
        CommonLength = 56,
        NotifyAddress = (ulong)(_registers + NotifyStart),
        NotifyLength = NotifyLength,
        NotifyMultiplier = NotifyMultiplier,
        DeviceAddress = (ulong)(_registers + DeviceStart),
        DeviceLength = DeviceLength,
        Iommu = Iommu,
    };

    private bool EventIndex => (Accepted & VirtioNetFeatures.EventIndex) != 0;

    public void SetLink(bool up) => *(ushort*)(_registers + DeviceStart + 6) = up ? (ushort)1 : (ushort)0;

    public void SetMtu(ushort mtu) => *(ushort*)(_registers + DeviceStart + 10) = mtu;

    /// <summary>Whether the receive queue was notified since the last question.</summary>
    public bool TakeReceiveNotification() => TakeNotification(0);

    /// <summary>Whether the transmit queue was notified since the last question.</summary>
    public bool TakeTransmitNotification() => TakeNotification(1);

    public uint Read(byte* address, int width)
    {
        long offset = address - _registers;
        if (offset is >= CommonStart and < DeviceStart)
        {
            return ReadCommon((int)offset, width);
        }

        return width switch
        {
            1 => *address,
            2 => *(ushort*)address,
            _ => *(uint*)address,
        };
    }

    public void Write(byte* address, int width, uint value)
    {
        long offset = address - _registers;
        if (offset is >= CommonStart and < DeviceStart)
        {
            WriteCommon((int)offset, width, value);
        }
        else
        {
            Offences.Add($"write of {value:x} at {offset:x}");
        }
    }

    public void Dispose()
    {
        Mmio.Forget();
        PortBench.Release(_registers);
    }

    private DeviceQueueModel? Selected => _queueSelect switch
    {
        0 => ReceiveQueue,
        1 => TransmitQueue,
        _ => null,
    };

    private ref ushort Cell(int queue) => ref *(ushort*)(_registers + NotifyStart + (queue * NotifyMultiplier));

    private bool TakeNotification(int queue)
    {
        ref ushort cell = ref Cell(queue);
        bool notified = cell == queue;
        if (!notified && cell != NothingNotified)
        {
            Offences.Add($"queue {queue} notified with {cell}");
        }

        cell = NothingNotified;
        return notified;
    }

    private uint ReadCommon(int field, int width) => (field, width) switch
    {
        (4, 4) => _deviceFeatureSelect < 2 ? (uint)((ulong)Offered >> (int)(32 * _deviceFeatureSelect)) : 0,
        (18, 2) => QueueCount,
        (StatusField, 1) => ReadStatus(),
        (GenerationField, 1) => ReadGeneration(),
        (24, 2) => Selected?.Size ?? 0,
        (28, 2) => Selected?.Enabled == true ? 1u : 0u,
        (30, 2) => Selected?.NotifyOffset ?? 0,
        _ => throw new InvalidOperationException($"read of {width} bytes at {field} of the common configuration"),
    };

    private uint ReadStatus()
    {
        if (_resetReadsLeft > 0 && --_resetReadsLeft == 0)
        {
            Reset();
        }

        return (uint)Status;
    }

    private void Reset()
    {
        Status = VirtioStatus.None;
        _accepted = 0;
        ReceiveQueue.Reset(KeepsQueueEnabledOverReset);
        TransmitQueue.Reset(KeepsQueueEnabledOverReset);
    }

    private uint ReadGeneration()
    {
        if (GenerationMoves > 0)
        {
            GenerationMoves--;
            _registers[CommonStart + GenerationField]++;
        }

        return _registers[CommonStart + GenerationField];
    }

    private void WriteCommon(int field, int width, uint value)
    {
        switch (field, width)
        {
            case (0, 4):
                _deviceFeatureSelect = value;
                break;
            case (8, 4):
                _driverFeatureSelect = value;
                break;
            case (12, 4):
                int shift = (int)(32 * _driverFeatureSelect);
                _accepted = (_accepted & ~(0xffff_ffffUL << shift)) | ((ulong)value << shift);
                break;
            case (16, 2):
                ConfigMsixVector = (ushort)value;
                break;
            case (StatusField, 1):
                WriteStatus((VirtioStatus)value);
                break;
            case (22, 2):
                _queueSelect = (ushort)value;
                break;
            default:
                if (Selected is not { } queue || !queue.TryWriteRegister(field, width, value, RefusesQueueEnable, EventIndex))
                {
                    Offences.Add($"write of {value:x}, {width} bytes at {field} of the common configuration");
                }

                break;
        }
    }

    private void WriteStatus(VirtioStatus value)
    {
        StatusWrites.Add(value);
        if (value == VirtioStatus.None)
        {
            Resets++;
            _resetReadsLeft = ResetReads;
            if (!IgnoresReset && ResetReads == 0)
            {
                Reset();
            }

            return;
        }

        if ((Status & ~value) != 0)
        {
            Offences.Add($"status {value} clears bits of {Status}");
        }

        if ((value & VirtioStatus.FeaturesOk) != 0 && (Status & VirtioStatus.FeaturesOk) == 0
            && (RefusesFeatures || (Accepted & ~Offered) != 0))
        {
            value &= ~VirtioStatus.FeaturesOk;
        }

        if ((value & VirtioStatus.DriverOk) != 0 && (Status & VirtioStatus.DriverOk) == 0)
        {
            NotifiedBeforeDriverOk = Cell(0) != NothingNotified || Cell(1) != NothingNotified;
        }

        Status = value;
    }
}
