using Sos.Sdk.Control;

namespace Sos.Sdk.Tables;

/// <summary>The two slots of the tables that the control plane writes, and where it asks for a switch.</summary>
public readonly unsafe struct TableSlots
{
    /// <summary>Slots.</summary>
    public const int Count = 2;

    private readonly ServiceControl* _control;
    private readonly Resource _first;
    private readonly Resource _second;

    /// <summary>Names the slots; one with no bytes is not there.</summary>
    public TableSlots(ServiceControl* control, Resource first, Resource second)
    {
        _control = control;
        _first = first;
        _second = second;
    }

    internal ServiceControl* Control => _control;

    internal bool TryGet(ulong slot, out byte* address, out ulong size)
    {
        Resource resource = slot == 0 ? _first : _second;
        address = (byte*)resource.Address;
        size = resource.ByteCount;
        return slot < Count && size >= TableHeader.HeaderSize;
    }
}
