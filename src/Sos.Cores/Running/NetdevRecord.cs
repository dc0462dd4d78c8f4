namespace Sos.Cores.Running;

/// <summary>A network device that a service has the frames of: all that is needed to give them back, known before anything is changed.</summary>
/// <param name="Name">Its name as it was found.</param>
/// <param name="Index">Its number, which it keeps whatever it is called.</param>
/// <param name="Namespace">The network namespace in which it is: "net:[INODE]".</param>
/// <param name="CombinedQueues">Queues that send and receive; 0 for none.</param>
/// <param name="ReceiveQueues">Queues that receive only.</param>
/// <param name="TagsStripped">Features by which it keeps VLAN tags beside frames, as far as they were on.</param>
/// <param name="MakesQueue">Whether a queueing discipline for its ingress is made for the service, where there was none.</param>
/// <param name="Open">Whether frames pass to Linux while there is no service.</param>
public sealed record NetdevRecord(
    string Name, uint Index, string Namespace, int CombinedQueues, int ReceiveQueues, string[] TagsStripped, bool MakesQueue, bool Open)
{
    /// <summary>Its address as it was found, in hexadecimal digits; null in the record of a version that did not write it.</summary>
    public string? Mac { get; init; }
}
