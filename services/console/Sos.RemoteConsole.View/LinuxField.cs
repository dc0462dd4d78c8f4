namespace Sos.RemoteConsole.View;

/// <summary>
/// The numbers that a view of Linux needs: addresses of variables, places of members in bytes, sizes, values of enums. The console's companion finds them for
/// the running kernel; one that this kernel does not have is <see cref="LinuxSymbols.Missing"/>.
/// </summary>
public enum LinuxField
{
    /// <summary>Where the direct map begins: physical address 0.</summary>
    PageOffset,

    /// <summary>Physical address of the kernel's image, less the part that its virtual address tells.</summary>
    PhysBase,

    /// <summary>First address of the kernel's image.</summary>
    ImageStart,

    /// <summary>The address behind the kernel's image.</summary>
    ImageEnd,

    /// <summary>Linux's own page table, in the image.</summary>
    PageTable,

    /// <summary>Levels of that table: 4 or 5.</summary>
    PageTableLevels,

    /// <summary>The bit of a physical address that says "encrypted" (SME), or 0.</summary>
    EncryptionMask,

    /// <summary>Where the array of struct page is.</summary>
    PageArray,

    /// <summary>Bytes of a struct page.</summary>
    PageStructSize,

    /// <summary>page.flags.</summary>
    PageFlags,

    /// <summary>The bit of page.flags that says "poisoned".</summary>
    PagePoisonBit,

    /// <summary>The text that begins with "Linux version".</summary>
    Banner,

    /// <summary>init_task.</summary>
    InitTask,

    /// <summary>prb: the pointer to printk's ring.</summary>
    LogRing,

    /// <summary>printk_ringbuffer.desc_ring.count_bits.</summary>
    LogCountBits,

    /// <summary>printk_ringbuffer.desc_ring.descs.</summary>
    LogDescriptors,

    /// <summary>printk_ringbuffer.desc_ring.infos.</summary>
    LogInfos,

    /// <summary>printk_ringbuffer.desc_ring.head_id.</summary>
    LogHead,

    /// <summary>printk_ringbuffer.desc_ring.tail_id.</summary>
    LogTail,

    /// <summary>printk_ringbuffer.text_data_ring.size_bits.</summary>
    LogTextBits,

    /// <summary>printk_ringbuffer.text_data_ring.data.</summary>
    LogText,

    /// <summary>Bytes of a prb_desc.</summary>
    DescriptorSize,

    /// <summary>prb_desc.state_var.</summary>
    DescriptorState,

    /// <summary>prb_desc.text_blk_lpos.begin.</summary>
    DescriptorBegin,

    /// <summary>prb_desc.text_blk_lpos.next.</summary>
    DescriptorNext,

    /// <summary>Bytes of a printk_info.</summary>
    InfoSize,

    /// <summary>printk_info.seq.</summary>
    InfoSequence,

    /// <summary>printk_info.ts_nsec.</summary>
    InfoTime,

    /// <summary>printk_info.text_len.</summary>
    InfoTextLength,

    /// <summary>printk_info.level, in bits.</summary>
    InfoLevelBit,

    /// <summary>printk_info.caller_id.</summary>
    InfoCaller,

    /// <summary>task_struct.tasks.</summary>
    TaskTasks,

    /// <summary>task_struct.pid.</summary>
    TaskPid,

    /// <summary>task_struct.tgid.</summary>
    TaskTgid,

    /// <summary>task_struct.real_parent.</summary>
    TaskParent,

    /// <summary>task_struct.comm.</summary>
    TaskName,

    /// <summary>task_struct.__state.</summary>
    TaskState,

    /// <summary>task_struct.exit_state.</summary>
    TaskExitState,

    /// <summary>task_struct.flags.</summary>
    TaskFlags,

    /// <summary>task_struct.on_cpu.</summary>
    TaskOnCpu,

    /// <summary>task_struct.thread_info.cpu, or task_struct.cpu.</summary>
    TaskCpu,

    /// <summary>task_struct.utime.</summary>
    TaskUserTime,

    /// <summary>task_struct.stime.</summary>
    TaskSystemTime,

    /// <summary>task_struct.signal.</summary>
    TaskSignal,

    /// <summary>task_struct.thread_node.</summary>
    TaskThreadNode,

    /// <summary>signal_struct.thread_head.</summary>
    SignalThreadHead,

    /// <summary>signal_struct.nr_threads.</summary>
    SignalThreads,

    /// <summary>task_struct.stack.</summary>
    TaskStack,

    /// <summary>task_struct.thread.sp.</summary>
    TaskStackPointer,

    /// <summary>nr_cpu_ids.</summary>
    CpuIds,

    /// <summary>__cpu_online_mask.</summary>
    CpuOnline,

    /// <summary>__per_cpu_offset.</summary>
    PerCpuOffset,

    /// <summary>runqueues, of each CPU.</summary>
    RunQueues,

    /// <summary>rq.curr.</summary>
    RunQueueCurrent,

    /// <summary>rq.nr_running.</summary>
    RunQueueRunning,

    /// <summary>rq.nr_uninterruptible.</summary>
    RunQueueUninterruptible,

    /// <summary>avenrun.</summary>
    LoadAverages,

    /// <summary>nr_threads.</summary>
    Threads,

    /// <summary>_totalram_pages.</summary>
    MemoryTotal,

    /// <summary>vm_zone_stat.</summary>
    ZoneStatistics,

    /// <summary>NR_FREE_PAGES.</summary>
    ZoneFree,

    /// <summary>vm_node_stat.</summary>
    NodeStatistics,

    /// <summary>NR_FILE_PAGES.</summary>
    NodeFile,

    /// <summary>NR_ANON_MAPPED.</summary>
    NodeAnonymous,

    /// <summary>NR_SHMEM.</summary>
    NodeShared,

    /// <summary>NR_FILE_DIRTY.</summary>
    NodeDirty,

    /// <summary>NR_WRITEBACK.</summary>
    NodeWriteback,

    /// <summary>NR_SLAB_RECLAIMABLE_B.</summary>
    NodeSlabReclaimable,

    /// <summary>NR_SLAB_UNRECLAIMABLE_B.</summary>
    NodeSlabUnreclaimable,

    /// <summary>NR_KERNEL_STACK_KB.</summary>
    NodeStacks,

    /// <summary>NR_PAGETABLE.</summary>
    NodePageTables,

    /// <summary>total_swap_pages.</summary>
    SwapTotal,

    /// <summary>nr_swap_pages.</summary>
    SwapFree,

    /// <summary>modules.</summary>
    Modules,

    /// <summary>module.list.</summary>
    ModuleList,

    /// <summary>module.name.</summary>
    ModuleName,

    /// <summary>module.state.</summary>
    ModuleState,

    /// <summary>module.refcnt.</summary>
    ModuleReferences,

    /// <summary>module.mem (6.4 on).</summary>
    ModuleMemory,

    /// <summary>Bytes of a module_memory.</summary>
    ModuleMemorySize,

    /// <summary>module_memory.base.</summary>
    ModuleMemoryBase,

    /// <summary>module_memory.size.</summary>
    ModuleMemoryBytes,

    /// <summary>Elements of module.mem.</summary>
    ModuleMemoryCount,

    /// <summary>module.core_layout.base (before 6.4).</summary>
    ModuleCoreBase,

    /// <summary>module.core_layout.size (before 6.4).</summary>
    ModuleCoreSize,

    /// <summary>kstat, of each CPU.</summary>
    KernelStatistics,

    /// <summary>kernel_stat.softirqs.</summary>
    KernelSoftirqs,

    /// <summary>kernel_stat.irqs_sum.</summary>
    KernelIrqs,

    /// <summary>vector_irq, of each CPU.</summary>
    VectorIrqs,

    /// <summary>irq_desc.irq_data.irq.</summary>
    IrqNumber,

    /// <summary>irq_desc.kstat_irqs.</summary>
    IrqCounts,

    /// <summary>irqstat.cnt (6.10 on), else 0.</summary>
    IrqCount,

    /// <summary>irq_desc.action.</summary>
    IrqAction,

    /// <summary>irqaction.name.</summary>
    IrqActionName,

    /// <summary>irq_desc.name.</summary>
    IrqName,

    /// <summary>init_net.</summary>
    Network,

    /// <summary>net.dev_base_head.</summary>
    NetworkDevices,

    /// <summary>net_device.dev_list.</summary>
    DeviceList,

    /// <summary>net_device.name.</summary>
    DeviceName,

    /// <summary>net_device.ifindex.</summary>
    DeviceIndex,

    /// <summary>net_device.flags.</summary>
    DeviceFlags,

    /// <summary>net_device.mtu.</summary>
    DeviceMtu,

    /// <summary>net_device.operstate.</summary>
    DeviceState,

    /// <summary>softnet_data, of each CPU.</summary>
    SoftNet,

    /// <summary>softnet_data.processed.</summary>
    SoftNetProcessed,

    /// <summary>softnet_data.dropped or, from 6.18 on, the first of its drop counters.</summary>
    SoftNetDropped,

    /// <summary>The second of these counters.</summary>
    SoftNetDroppedMore,

    /// <summary>softnet_data.time_squeeze.</summary>
    SoftNetSqueezed,

    /// <summary>net.mib.ip_statistics.</summary>
    IpCounters,

    /// <summary>net.mib.tcp_statistics.</summary>
    TcpCounters,

    /// <summary>net.mib.udp_statistics.</summary>
    UdpCounters,

    /// <summary>net.mib.net_statistics.</summary>
    LinuxCounters,

    /// <summary>IPSTATS_MIB_INPKTS.</summary>
    IpReceived,

    /// <summary>IPSTATS_MIB_OUTPKTS.</summary>
    IpSent,

    /// <summary>IPSTATS_MIB_INDISCARDS.</summary>
    IpDiscarded,

    /// <summary>TCP_MIB_CURRESTAB.</summary>
    TcpEstablished,

    /// <summary>TCP_MIB_INSEGS.</summary>
    TcpReceived,

    /// <summary>TCP_MIB_OUTSEGS.</summary>
    TcpSent,

    /// <summary>TCP_MIB_RETRANSSEGS.</summary>
    TcpRetransmitted,

    /// <summary>UDP_MIB_INDATAGRAMS.</summary>
    UdpReceived,

    /// <summary>UDP_MIB_OUTDATAGRAMS.</summary>
    UdpSent,

    /// <summary>UDP_MIB_NOPORTS.</summary>
    UdpNoPort,

    /// <summary>LINUX_MIB_LISTENOVERFLOWS.</summary>
    ListenOverflows,

    /// <summary>LINUX_MIB_LISTENDROPS.</summary>
    ListenDrops,

    /// <summary>LINUX_MIB_SYNCOOKIESSENT.</summary>
    SynCookiesSent,

    /// <summary>vmcoreinfo_data: the pointer to the kernel's notes.</summary>
    CoreNotes,

    /// <summary>vmcoreinfo_size: their bytes.</summary>
    CoreNotesSize,

    /// <summary>panic_cpu: the CPU that panicked, or -1.</summary>
    PanicCpu,

    /// <summary>slab_caches.</summary>
    SlabCaches,

    /// <summary>kmem_cache.list.</summary>
    SlabList,

    /// <summary>kmem_cache.name.</summary>
    SlabName,

    /// <summary>kmem_cache.size.</summary>
    SlabSize,

    /// <summary>kmem_cache.node or, from 7.1 on, per_node.</summary>
    SlabNodes,

    /// <summary>Bytes from one node's entry there to the next.</summary>
    SlabNodeSize,

    /// <summary>The pointer to a kmem_cache_node in such an entry.</summary>
    SlabNodePointer,

    /// <summary>kmem_cache_node.nr_slabs.</summary>
    SlabNodeSlabs,

    /// <summary>kmem_cache_node.total_objects.</summary>
    SlabNodeObjects,

    /// <summary>nr_node_ids.</summary>
    Nodes,

    /// <summary>__start_orc_unwind_ip: for each entry of the image's unwinding table the place where it begins to hold, as a distance.</summary>
    OrcAddresses,

    /// <summary>__stop_orc_unwind_ip.</summary>
    OrcAddressesEnd,

    /// <summary>__start_orc_unwind: the entries.</summary>
    OrcEntries,

    /// <summary>The order in which the entries number registers: <see cref="OrcEntry.FirstOrder"/> or <see cref="OrcEntry.SecondOrder"/>.</summary>
    OrcRegisters,

    /// <summary>Bytes of an orc_entry.</summary>
    OrcEntrySize,

    /// <summary>orc_entry.sp_offset.</summary>
    OrcStackOffset,

    /// <summary>orc_entry.bp_offset.</summary>
    OrcFrameOffset,

    /// <summary>orc_entry.sp_reg, in bits.</summary>
    OrcStackRegisterBit,

    /// <summary>orc_entry.bp_reg, in bits.</summary>
    OrcFrameRegisterBit,

    /// <summary>orc_entry.type, in bits.</summary>
    OrcTypeBit,

    /// <summary>orc_entry.end, in bits (before 6.4): where it is, types are numbered otherwise.</summary>
    OrcEndBit,

    /// <summary>orc_entry.signal, in bits (6.3 on).</summary>
    OrcSignalBit,

    /// <summary>Bytes of an inactive_task_frame: what lies at the stack pointer of a task that no CPU runs.</summary>
    InactiveFrameSize,

    /// <summary>inactive_task_frame.bp.</summary>
    InactiveFramePointer,

    /// <summary>inactive_task_frame.ret_addr.</summary>
    InactiveReturn,

    /// <summary>ret_from_fork_asm, or ret_from_fork: where a task goes on that never ran.</summary>
    ForkReturn,

    /// <summary>module.init_layout.base (before 6.4).</summary>
    ModuleInitBase,

    /// <summary>module.init_layout.size (before 6.4).</summary>
    ModuleInitSize,

    /// <summary>module.arch.num_orcs.</summary>
    ModuleOrcCount,

    /// <summary>module.arch.orc_unwind_ip.</summary>
    ModuleOrcAddresses,

    /// <summary>module.arch.orc_unwind.</summary>
    ModuleOrcEntries,

    /// <summary>task_struct.nsproxy.</summary>
    TaskNamespaces,

    /// <summary>nsproxy.mnt_ns.</summary>
    NamespacesMounts,

    /// <summary>mnt_namespace.root.</summary>
    MountsRoot,

    /// <summary>mount.mnt_parent.</summary>
    MountParent,

    /// <summary>mount.mnt_mountpoint.</summary>
    MountPoint,

    /// <summary>mount.mnt.mnt_root.</summary>
    MountRoot,

    /// <summary>mount.mnt.mnt_sb.</summary>
    MountSuper,

    /// <summary>mount.mnt.mnt_flags.</summary>
    MountFlags,

    /// <summary>mount.mnt_mounts.</summary>
    MountChildren,

    /// <summary>mount.mnt_child.</summary>
    MountChild,

    /// <summary>mount.mnt_devname.</summary>
    MountDevice,

    /// <summary>mount.mnt_id.</summary>
    MountNumber,

    /// <summary>dentry.d_parent.</summary>
    EntryParent,

    /// <summary>dentry.d_name.name.</summary>
    EntryName,

    /// <summary>dentry.d_name.len.</summary>
    EntryNameLength,

    /// <summary>super_block.s_type.</summary>
    SuperType,

    /// <summary>super_block.s_flags.</summary>
    SuperFlags,

    /// <summary>file_system_type.name.</summary>
    FileSystemName,

    /// <summary>Of these there are so many.</summary>
    Count,
}
